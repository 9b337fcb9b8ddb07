package dev.live.samples.syncnotes.engine

import dev.live.samples.syncnotes.wire.Change
import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Page
import dev.live.samples.syncnotes.wire.Posted
import dev.live.samples.syncnotes.wire.StoredEdit
import org.h2.jdbcx.JdbcConnectionPool
import java.nio.file.Path
import java.sql.Connection
import java.sql.ResultSet

/**
 * An append-only log of the changes of all lists, in a database file. Every function blocks.
 *
 * Sequences become visible in order: no reader sees 8 before 7. [append] uses the highest sequence plus one, and must
 * run one at a time per scope until the commit, so 8 is assigned only after the commit of 7. Concurrent calls, by a
 * bug, would both use 7, and the primary key would reject one, which leaves no gap. A rollback releases its sequences.
 * H2 locks the file until the process ends, so no other process can write.
 */
class ChangeLog private constructor(private val pool: JdbcConnectionPool) : AutoCloseable {
    /** The sequence of the newest change of [scope], or 0. */
    fun cursor(scope: String): Long = pool.connection.use { it.cursor(scope) }

    /**
     * Returns at most [limit] changes of [scope] after [since], oldest first.
     *
     * @throws AheadOfLogException if the log ends before [since]
     */
    fun changes(scope: String, since: Long, limit: Int): Page =
        pool.connection.use { connection ->
            val cursor = connection.cursor(scope)
            if (since > cursor) throw AheadOfLogException(since, cursor)
            val changes = connection.changes(scope, since, limit)
            Page(changes, changes.lastOrNull()?.sequence ?: since, more = changes.size == limit)
        }

    /**
     * Appends the new ones of [edits] atomically, and returns the sequence of each edit. Returns after the commit. Must
     * not run concurrently for one scope.
     *
     * @throws AheadOfLogException if the log ends before [since]; nothing is appended
     */
    fun append(scope: String, since: Long, edits: List<Edit>): Posted =
        pool.connection.use { connection ->
            connection.autoCommit = false
            try {
                var cursor = connection.cursor(scope)
                if (since > cursor) throw AheadOfLogException(since, cursor)
                val storedEdits =
                    edits.map { edit ->
                        val existing = connection.sequenceOf(scope, edit.changeId)
                        if (existing == null) connection.insert(scope, ++cursor, edit)
                        StoredEdit(edit.changeId, existing ?: cursor)
                    }
                connection.commit()
                Posted(storedEdits, cursor)
            } catch (e: Throwable) {
                connection.rollback()
                throw e
            }
        }

    override fun close(): Unit = pool.dispose()

    companion object {
        /** Maximum number of connections, and so of concurrent calls. */
        const val CONNECTIONS = 8

        /**
         * Opens or creates the database in [file]. H2 appends `.mv.db` to the name.
         *
         * @throws IllegalArgumentException if [file] cannot be part of a JDBC URL
         * @throws java.sql.SQLException if it cannot be opened, such as while another process uses it
         */
        fun open(file: Path): ChangeLog {
            val path = file.toAbsolutePath().toString()
            require(';' !in path) { "the database path must not contain a semicolon, was $path" }
            // By default H2 writes a commit up to half a second later, so SIGKILL could lose acknowledged changes.
            // With 0 a commit is passed to the operating system before it returns. That survives the process; to
            // survive a power failure each commit would need CHECKPOINT SYNC as well.
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

private fun Connection.sequenceOf(scope: String, changeId: String): Long? =
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
