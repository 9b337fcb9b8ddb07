package dev.live.server.session

import kotlinx.coroutines.CompletableJob
import kotlinx.coroutines.Job
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * Serializes changes to a session's subscriptions: by the client, by the server, and at the end of the session.
 *
 * A suspending lock that takes one field while uncontended; a `Mutex` would take 200 bytes per session.
 *
 * It cannot deadlock. Only changes of [SessionSubscriptions] run under it, which take no second lock and call no
 * application code. They wait only for a topic's actor, which waits for no session, for the broker, at most ten
 * seconds, and for the session's own client to receive missed messages. The write timeout limits the last wait.
 */
internal abstract class SuspendingLock {
    /** Null if unlocked, [LOCKED], or a job that the waiting coroutines join. */
    @Volatile
    private var state: Job? = null

    /** Runs [change] exclusively. Not reentrant. */
    suspend inline fun <T> withLock(change: () -> T): T {
        lock()
        try {
            return change()
        } finally {
            unlock()
        }
    }

    private suspend fun lock() {
        while (true) {
            if (STATE.compareAndSet(this, null, LOCKED)) return
            val current = state ?: continue
            if (current !== LOCKED) {
                current.join()
                continue
            }
            val unlocked = Job()
            if (STATE.compareAndSet(this, LOCKED, unlocked)) unlocked.join()
        }
    }

    private fun unlock() {
        val unlocked = STATE.getAndSet(this, null)
        // wakes all waiters; the first one takes the lock
        if (unlocked !== LOCKED) (unlocked as CompletableJob).complete()
    }

    private companion object {
        val LOCKED: Job = Job().apply { complete() }
        val STATE: AtomicReferenceFieldUpdater<SuspendingLock, Job> =
            AtomicReferenceFieldUpdater.newUpdater(SuspendingLock::class.java, Job::class.java, "state")
    }
}
