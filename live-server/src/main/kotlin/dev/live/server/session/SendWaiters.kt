package dev.live.server.session

import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicInteger

/** The coroutines that wait for free capacity in a queue. Every function may be called from any thread. */
internal class SendWaiters {
    private val signals = Channel<Unit>(Channel.CONFLATED)

    /** The writer signals only if this is positive. */
    private val waiting = AtomicInteger()

    /**
     * Calls [attempt] after each signal until it returns a result; null means try again. Returns false if the session
     * ended first.
     */
    suspend inline fun await(attempt: () -> Boolean?): Boolean {
        waiting.incrementAndGet() // before the first attempt, so that every later release of capacity is signaled
        try {
            while (true) {
                attempt()?.let { return it }
                if (signals.receiveCatching().isClosed) return false
            }
        } finally {
            // this coroutine may have consumed a signal that another waiter needs
            if (waiting.decrementAndGet() > 0) signals.trySend(Unit)
        }
    }

    /** Wakes one waiter because capacity was released. */
    fun signal() {
        if (waiting.get() > 0) signals.trySend(Unit)
    }

    /** Ends all waits: no more capacity will be released. */
    fun close() {
        signals.close()
    }
}
