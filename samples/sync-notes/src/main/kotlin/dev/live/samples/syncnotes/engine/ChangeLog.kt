package dev.live.samples.syncnotes.engine

import dev.live.samples.syncnotes.wire.Change
import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Page
import dev.live.samples.syncnotes.wire.Place
import dev.live.samples.syncnotes.wire.Posted
import org.h2.jdbcx.JdbcConnectionPool
import java.nio.file.Path
import java.sql.Connection
import java.sql.ResultSet

/**
 * The changes of all lists, in a database file: only ever appended to. Every function blocks.
 *
 * No reader ever sees sequence 8 before it can see 7. [append] takes the highest sequence plus one, and must run once at
 * a time per scope, from reading that number to the commit: then 8 is only begun when 7 is committed. Two that ran at
 * the same time all the same, by a fault, would both want 7 and one would fail on the primary key, which is no gap
 * either. What fails takes its numbers back. No other process can write: H2 locks the file, and the lock ends with the process.
 */
class ChangeLog private constructor(private val pool: JdbcConnectionPool) : AutoCloseable {
    /** The sequence of the newest change of [scope]; 0 if there is none. */
    fun cursor(scope: String): Long = pool.connection.use { it.cursor(scope) }

    /**
     * At most [limit] changes of [scope] after [since], the oldest first.
     *
     * @throws AheadOfLogException if the log does not reach as far as [since]
     */
    fun changes(scope: String, since: Long, limit: Int): Page =
        pool.connection.use { connection ->
            val cursor = connection.cursor(scope)
            if (since > cursor) throw AheadOfLogException(since, cursor)
            val changes = connection.changes(scope, since, limit)
            Page(changes, changes.lastOrNull()?.sequence ?: since, more = changes.size == limit)
        }

    /**
     * Appends those of [edits] that are not there, all or none, and says where each of them stands. When it returns
     * they are in the file. Not twice at the same time for one scope.
     *
     * @throws AheadOfLogException if the log does not reach as far as [since]; then nothing is appended
     */
    fun append(scope: String, since: Long, edits: List<Edit>): Posted =
        pool.connection.use { connection ->
            connection.autoCommit = false
            try {
                var cursor = connection.cursor(scope)
                if (since > cursor) throw AheadOfLogException(since, cursor)
                val places =
                    edits.map { edit ->
                        val known = connection.placeOf(scope, edit.changeId)
                        if (known == null) connection.insert(scope, ++cursor, edit)
                        Place(edit.changeId, known ?: cursor)
                    }
                connection.commit()
                Posted(places, cursor)
            } catch (e: Throwable) {
                connection.rollback()
                throw e
            }
        }

    override fun close(): Unit = pool.dispose()

    companion object {
        /** Connections that there may be, so as many calls at the same time. */
        const val CONNECTIONS = 8

        /**
         * Opens the database in [file], to whose name H2 adds `.mv.db`, or makes it.
         *
         * @throws IllegalArgumentException if [file] cannot be part of a JDBC URL
         * @throws java.sql.SQLException if it cannot be opened, such as while another process has it
         */
        fun open(file: Path): ChangeLog {
            val path = file.toAbsolutePath().toString()
            require(';' !in path) { "the database's path must have no semicolon, was $path" }
            // By default H2 writes what was committed up to half a second later, and SIGKILL takes what was
            // acknowledged meanwhile. With 0 a commit has handed it to the operating system when it returns. That
            // outlives the process; to outlive a power failure each commit would need CHECKPOINT SYNC as well.
            val url = "jdbc:h2:file:$path;WRITE_DELAY=0"
            val pool = JdbcConnectionPool.create(url, "sa", "")
            pool.maxConnections = CONNECTIONS
            pool.connection.use { connection -> connection.createStatement().use { it.execute(TABLE) } }
            return ChangeLog(pool)
        }

        private val TABLE =
            """
            CREATE TABLE IF NOT EXISTS changes(
                scope VARCHAR(100) NOT NULL,
                sequence BIGINT NOT NULL,
                change_id VARCHAR(64) NOT NULL,
                note_id VARCHAR(64) NOT NULL,
                text VARCHAR(2000) NOT NULL,
                deleted BOOLEAN NOT NULL,
                author VARCHAR(40) NOT NULL,
                PRIMARY KEY(scope, sequence),
                UNIQUE(scope, change_id)
            )
            """.trimIndent()
    }
}

private fun Connection.cursor(scope: String): Long =
    query("SELECT MAX(sequence) FROM changes WHERE scope = ?", scope) { it.getLong(1) }.single()

private fun Connection.placeOf(scope: String, changeId: String): Long? =
    query("SELECT sequence FROM changes WHERE scope = ? AND change_id = ?", scope, changeId) { it.getLong(1) }
        .singleOrNull()

private fun Connection.changes(scope: String, since: Long, limit: Int): List<Change> =
    query(
        "SELECT sequence, change_id, note_id, text, deleted, author FROM changes " +
            "WHERE scope = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        scope,
        since,
        limit,
    ) { Change(it.getLong(1), it.getString(2), it.getString(3), it.getString(4), it.getBoolean(5), it.getString(6)) }

private fun Connection.insert(scope: String, sequence: Long, edit: Edit) {
    val sql =
        "INSERT INTO changes(scope, sequence, change_id, note_id, text, deleted, author) VALUES (?, ?, ?, ?, ?, ?, ?)"
    prepareStatement(sql).use { statement ->
        val values = listOf(scope, sequence, edit.changeId, edit.noteId, edit.text, edit.deleted, edit.author)
        values.forEachIndexed { index, value -> statement.setObject(index + 1, value) }
        statement.executeUpdate()
    }
}

private fun <T> Connection.query(sql: String, vararg values: Any, read: (ResultSet) -> T): List<T> =
    prepareStatement(sql).use { statement ->
        values.forEachIndexed { index, value -> statement.setObject(index + 1, value) }
        statement.executeQuery().use { rows -> buildList { while (rows.next()) add(read(rows)) } }
    }
