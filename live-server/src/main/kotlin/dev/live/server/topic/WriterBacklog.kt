package dev.live.server.topic

import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds

/**
 * Subscribers whose queues are full because their writers have not run yet. The topic's next message waits for those
 * writers, and so do its publishers once the topic's buffer is full.
 *
 * A blocked client is not in this list: no publisher waits for a slow client.
 *
 * Only accessed by the topic's actor. A linked list, so that the fan-out path allocates nothing.
 */
internal class WriterBacklog {
    private var first: Subscriber? = null

    val isEmpty: Boolean get() = first == null

    fun add(subscriber: Subscriber) {
        if (subscriber.nextInBacklog != null) return
        subscriber.nextInBacklog = first ?: subscriber
        first = subscriber
    }

    /** Waits until all these writers have run, for at most [MAX_WAIT]; later messages then use the burst capacity. */
    suspend fun await() {
        if (isEmpty) return
        withTimeoutOrNull(MAX_WAIT) {
            var next = first
            while (next != null) {
                val subscriber = next
                subscriber.awaitWriter()
                next = subscriber.nextInBacklog.takeIf { it !== subscriber }
            }
        }
        clear()
    }

    private fun clear() {
        var next = first
        first = null
        while (next != null) {
            val subscriber = next
            next = subscriber.nextInBacklog.takeIf { it !== subscriber }
            subscriber.nextInBacklog = null
        }
    }

    private companion object {
        /** A writer runs within microseconds, on a busy machine within some milliseconds. */
        val MAX_WAIT = 20.milliseconds
    }
}
