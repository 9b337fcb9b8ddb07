package dev.live.server.session

/**
 * The bound of a session's queue: [messages], and [bytes] of their payloads.
 *
 * A full queue means a slow client only if the writer has run since. Until then the queue accepts up to [burstMessages]
 * and [burstBytes], which are [BURST_FACTOR] times as much.
 */
internal class QueueBound(val messages: Int, val bytes: Int) {
    val burstMessages: Int = times(messages, MAX_MESSAGES)
    val burstBytes: Int = times(bytes, Int.MAX_VALUE)

    private fun times(bound: Int, max: Int): Int = minOf(bound.toLong() * BURST_FACTOR, max.toLong()).toInt()

    companion object {
        const val BURST_FACTOR = 4

        /** The maximum capacity of a channel less one, less one entry for the queue's own use. */
        private const val MAX_MESSAGES = Int.MAX_VALUE - 2
    }
}
