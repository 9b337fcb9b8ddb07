package dev.live.server.session

/**
 * The bound of a session's queue: [messages], and [bytes] of their payloads.
 *
 * A full queue indicates a slow client only after the writer has run. Until then the queue accepts up to
 * [burstMessages] and [burstBytes], which are [BURST_FACTOR] times as much.
 */
internal class QueueBound(val messages: Int, val bytes: Int) {
    val burstMessages: Int = times(messages, MAX_MESSAGES)
    val burstBytes: Int = times(bytes, Int.MAX_VALUE)

    private fun times(bound: Int, max: Int): Int = minOf(bound.toLong() * BURST_FACTOR, max.toLong()).toInt()

    companion object {
        const val BURST_FACTOR = 4

        /** One less than the maximum capacity of a channel, because the queue adds one entry for its own use. */
        private const val MAX_MESSAGES = Int.MAX_VALUE - 2
    }
}
