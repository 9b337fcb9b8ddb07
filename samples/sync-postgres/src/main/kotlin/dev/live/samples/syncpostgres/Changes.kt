package dev.live.samples.syncpostgres

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.Serializable
import java.sql.Connection
import java.sql.DriverManager
import java.util.Properties

/** One change of a scope. */
@Serializable
data class Change(val sequence: Long, val body: String)

/**
 * The changes after a cursor, oldest first.
 *
 * @property cursor the sequence of the last change: the start of the next pull
 */
@Serializable
data class ChangePage(val cursor: Long, val changes: List<Change>)

/** Reads the tables of `schema.sql`. It opens a connection per call; a real server would use a pool. */
class Changes(private val url: String) {
    /** Limits the concurrent calls. */
    private val dispatcher = Dispatchers.IO.limitedParallelism(8, "changes")

    /** Creates missing tables and triggers. */
    suspend fun createSchema() {
        val schema = checkNotNull(Changes::class.java.getResource("/schema.sql")) { "schema.sql is missing" }.readText()
        query { connection ->
            connection.autoCommit = false
            connection.createStatement().use { it.execute(schema) }
            connection.commit()
        }
    }

    /** The cursor of [scope]; 0 if it has no changes. */
    suspend fun cursorOf(scope: String): ULong =
        query { connection ->
            connection.prepareStatement("SELECT cursor FROM sync_scopes WHERE scope = ?").use { query ->
                query.setString(1, scope)
                query.executeQuery().use { if (it.next()) it.getLong(1).toULong() else 0uL }
            }
        }

    /** The next changes of [scope] after [since], at most 500. After a full page the caller requests the next one. */
    suspend fun after(scope: String, since: Long): ChangePage =
        query { connection ->
            connection.prepareStatement(AFTER).use { query ->
                query.setString(1, scope)
                query.setLong(2, since)
                val changes =
                    query.executeQuery().use { rows ->
                        buildList { while (rows.next()) add(Change(rows.getLong(1), rows.getString(2))) }
                    }
                ChangePage(changes.lastOrNull()?.sequence ?: since, changes)
            }
        }

    private suspend fun <T> query(block: (Connection) -> T): T =
        withContext(dispatcher) { DriverManager.getConnection(url, TIMEOUTS).use(block) }

    private companion object {
        const val AFTER =
            "SELECT sequence, body FROM changes WHERE scope = ? AND sequence > ? ORDER BY sequence LIMIT 500"
        val TIMEOUTS = Properties().apply {
            setProperty("connectTimeout", "10")
            setProperty("socketTimeout", "10")
        }
    }
}
