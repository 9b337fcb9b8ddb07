package dev.live.samples.syncpostgres

import dev.live.sync.SyncNotifier
import java.sql.Connection

/** Reads the current cursors, to recover notifications that were sent without a listener. */
fun interface CursorQuery {
    /**
     * Passes the current cursor of every scope that may have advanced to [notifier]. May block. [connection] is the
     * listening one, and an open transaction on it is committed afterwards.
     */
    fun read(connection: Connection, notifier: SyncNotifier)
}

/** Reads the table `sync_scopes(scope, cursor)`, a thousand rows at a time. */
object SyncScopesTable : CursorQuery {
    override fun read(connection: Connection, notifier: SyncNotifier) {
        connection.autoCommit = false // without a transaction the driver would load all rows into memory
        connection.prepareStatement("SELECT scope, cursor FROM sync_scopes").use { query ->
            query.fetchSize = 1_000
            query.executeQuery().use { rows ->
                while (rows.next()) notifier.notify(rows.getString(1), rows.getLong(2).toULong())
            }
        }
    }
}
