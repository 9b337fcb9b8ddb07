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
 * What came after a cursor, oldest first.
 *
 * @property cursor how far these changes reach: where the next pull begins
 */
@Serializable
data class ChangePage(val cursor: Long, val changes: List<Change>)

/** The tables of `schema.sql`, read. A connection for each call, which a real server would take from a pool. */
class Changes(private val url: String) {
    /** Calls at the same time; the others wait. */
    private val dispatcher = Dispatchers.IO.limitedParallelism(8, "changes")

    /** Makes the tables and triggers that are not there yet. */
    suspend fun createSchema() {
        val schema = checkNotNull(Changes::class.java.getResource("/schema.sql")) { "schema.sql is missing" }.readText()
        query { connection ->
            connection.autoCommit = false
            connection.createStatement().use { it.execute(schema) }
            connection.commit()
        }
    }

    /** The cursor of [scope]; 0 if nothing was ever written to it. */
    suspend fun cursorOf(scope: String): ULong =
        query { connection ->
            connection.prepareStatement("SELECT cursor FROM sync_scopes WHERE scope = ?").use { query ->
                query.setString(1, scope)
                query.executeQuery().use { if (it.next()) it.getLong(1).toULong() else 0uL }
            }
        }

    /** The next changes of [scope] after [since], at most 500: who gets as many asks again. */
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
