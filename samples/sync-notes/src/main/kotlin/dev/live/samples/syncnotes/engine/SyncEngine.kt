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
 * A sync engine that fits on a page: a log per list, whose sequence is the cursor. It says that a list has advanced, to
 * whomever [notifier] is, and would do its work if nobody listened.
 */
class SyncEngine(private val log: ChangeLog, private val notifier: SyncNotifier) {
    private val threads = Dispatchers.IO.limitedParallelism(ChangeLog.CONNECTIONS, "changes")

    // one writer per scope at a time, see ChangeLog; scopes that share one of these only wait a little more
    private val writers = List(64) { Mutex() }

    /** Where [scope] stands; 0 if nothing was ever written to it. */
    suspend fun cursor(scope: String): Long = withContext(threads) { log.cursor(scope) }

    /**
     * What came in [scope] after [since]: at most [PAGE] changes.
     *
     * @throws AheadOfLogException if the log does not reach as far as [since]
     */
    suspend fun changes(scope: String, since: Long): Page = withContext(threads) { log.changes(scope, since, PAGE) }

    /**
     * Stores what is new in [batch]; an edit that is there already stays as it is.
     *
     * @throws AheadOfLogException if the log does not reach as far as the client has come; nothing is stored
     */
    suspend fun post(batch: Batch): Posted =
        writers[batch.scope.hashCode().mod(writers.size)].withLock {
            // who posted may be gone already: the others are to be told all the same
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
