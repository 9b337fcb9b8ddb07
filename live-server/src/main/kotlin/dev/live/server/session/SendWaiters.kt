package dev.live.server.session

import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicInteger

/** Those who wait for room in a queue, one behind the other. Any thread. */
internal class SendWaiters {
    private val room = Channel<Unit>(Channel.CONFLATED)

    /** The writer signals only if there are any. */
    private val waiting = AtomicInteger()

    /** Tries until [attempt] says how it ended, each time that there is more room; false if the session ended first. */
    suspend inline fun wait(attempt: () -> Boolean?): Boolean {
        waiting.incrementAndGet() // before the first attempt: whoever takes from now on signals it
        try {
            while (true) {
                attempt()?.let { return it }
                if (room.receiveCatching().isClosed) return false
            }
        } finally {
            // the signal may have been meant for the next one in line
            if (waiting.decrementAndGet() > 0) room.trySend(Unit)
        }
    }

    /** There is more room. */
    fun signal() {
        if (waiting.get() > 0) room.trySend(Unit)
    }

    /** There will be no more. */
    fun close() {
        room.close()
    }
}
