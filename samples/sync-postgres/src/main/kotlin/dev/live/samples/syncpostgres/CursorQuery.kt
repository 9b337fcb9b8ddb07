package dev.live.samples.syncpostgres

import dev.live.sync.SyncNotifier
import java.sql.Connection

/** Reads how far each scope has come, for what was told while nobody listened. */
fun interface CursorQuery {
    /**
     * Tells [notifier] the present cursor of every scope that may have advanced. May block. The connection is the one
     * that listens, and a transaction that is left open on it is committed.
     */
    fun read(connection: Connection, notifier: SyncNotifier)
}

/** Reads the table `sync_scopes(scope, cursor)`, a thousand rows at a time. */
object SyncScopesTable : CursorQuery {
    override fun read(connection: Connection, notifier: SyncNotifier) {
        connection.autoCommit = false // outside of a transaction the driver would read all rows into memory
        connection.prepareStatement("SELECT scope, cursor FROM sync_scopes").use { query ->
            query.fetchSize = 1_000
            query.executeQuery().use { rows ->
                while (rows.next()) notifier.notify(rows.getString(1), rows.getLong(2).toULong())
            }
        }
    }
}
