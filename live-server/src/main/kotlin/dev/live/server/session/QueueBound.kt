package dev.live.server.session

/**
 * How much may wait in a session's queue: [messages], and [bytes] of their payloads.
 *
 * A full queue says that a client is slow only where the writer has had its turn. Until then [surgeMessages] and
 * [surgeBytes] may wait: [SURGE] times as much.
 */
internal class QueueBound(val messages: Int, val bytes: Int) {
    val surgeMessages: Int = times(messages, MAX_MESSAGES)
    val surgeBytes: Int = times(bytes, Int.MAX_VALUE)

    private fun times(bound: Int, most: Int): Int = minOf(bound.toLong() * SURGE, most.toLong()).toInt()

    companion object {
        const val SURGE = 4

        /** One less than a channel's capacity may be, and one for the queue's own use. */
        private const val MAX_MESSAGES = Int.MAX_VALUE - 2
    }
}
