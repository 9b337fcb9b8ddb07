package dev.live.samples.syncnotes.engine

import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Page
import dev.live.samples.syncnotes.wire.Posted
import dev.live.sync.SyncNotifier
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/**
 * A minimal sync engine: a log per list, whose sequence is the cursor. It notifies [notifier] when a list advances, and
 * does not depend on live.
 */
class SyncEngine(private val log: ChangeLog, private val notifier: SyncNotifier) {
    private val threads = Dispatchers.IO.limitedParallelism(ChangeLog.CONNECTIONS, "changes")

    // one writer per scope at a time, see ChangeLog; scopes that share a mutex only wait longer
    private val writers = List(64) { Mutex() }

    /** The cursor of [scope]; 0 if it has no changes. */
    suspend fun cursor(scope: String): Long = withContext(threads) { log.cursor(scope) }

    /**
     * Returns at most [PAGE] changes of [scope] after [since].
     *
     * @throws AheadOfLogException if the log ends before [since]
     */
    suspend fun changes(scope: String, since: Long): Page = withContext(threads) { log.changes(scope, since, PAGE) }

    /**
     * Stores the new edits of [batch]; existing ones are unchanged.
     *
     * @throws AheadOfLogException if the log ends before the client's cursor; nothing is stored
     */
    suspend fun post(batch: Batch): Posted =
        writers[batch.scope.hashCode().mod(writers.size)].withLock {
            // not cancellable: other clients must be notified even if the poster has disconnected
            withContext(NonCancellable + threads) {
                val posted = log.append(batch.scope, batch.since, batch.edits)
                notifier.notify(batch.scope, posted.cursor.toULong())
                posted
            }
        }

    companion object {
        const val PAGE = 200
    }
}
