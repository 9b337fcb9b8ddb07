package dev.live.server.topic

import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds

/**
 * Subscribers whose queues are full because their writers have not had their turn yet: a topic's next message waits for
 * that, and so do its publishers, once the topic's own buffer is full.
 *
 * A client that does not take what is written to it is not in here: nobody waits for a slow client.
 *
 * Only accessed by the topic's fan-out coroutine. A linked list, so that the fan-out loop allocates nothing.
 */
internal class WriterBacklog {
    private var first: Subscriber? = null

    val isEmpty: Boolean get() = first == null

    fun add(subscriber: Subscriber) {
        if (subscriber.nextInBacklog != null) return
        subscriber.nextInBacklog = first ?: subscriber
        first = subscriber
    }

    /** Waits until they all had their turn, for [LONGEST] at most: what comes then finds room above the bound. */
    suspend fun await() {
        if (isEmpty) return
        withTimeoutOrNull(LONGEST) {
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
        /** A turn takes microseconds, and on a busy machine some milliseconds. */
        val LONGEST = 20.milliseconds
    }
}
