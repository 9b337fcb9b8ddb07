package dev.live.server.session

import kotlinx.coroutines.CompletableJob
import kotlinx.coroutines.Job
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * Lets one at a time change what a session has joined: the client's own commands, the server's, and the end.
 *
 * A lock whose waiting suspends, and which is one field while nobody waits: a `Mutex` would take 200 bytes of every
 * session. It cannot lock up: what runs in a turn is [Memberships] and nothing else, which takes no second turn, calls
 * no code of the application's, and waits only for the fan-out of a topic, which waits for no session, and for the
 * session's own client to take what it has missed, which the write timeout bounds.
 */
internal abstract class SuspendingLock {
    /** Null while it is nobody's, [TAKEN], or what they wait for who came meanwhile. */
    @Volatile
    private var turn: Job? = null

    /** Runs [change] when nobody else's does. Not from within one. */
    suspend inline fun <T> inTurn(change: () -> T): T {
        await()
        try {
            return change()
        } finally {
            pass()
        }
    }

    private suspend fun await() {
        while (true) {
            if (TURN.compareAndSet(this, null, TAKEN)) return
            val before = turn ?: continue
            if (before !== TAKEN) {
                before.join()
                continue
            }
            val line = Job()
            if (TURN.compareAndSet(this, TAKEN, line)) line.join()
        }
    }

    private fun pass() {
        val line = TURN.getAndSet(this, null)
        if (line !== TAKEN) (line as CompletableJob).complete() // they all wake, and the first one has it
    }

    private companion object {
        val TAKEN: Job = Job().apply { complete() }
        val TURN: AtomicReferenceFieldUpdater<SuspendingLock, Job> =
            AtomicReferenceFieldUpdater.newUpdater(SuspendingLock::class.java, Job::class.java, "turn")
    }
}
