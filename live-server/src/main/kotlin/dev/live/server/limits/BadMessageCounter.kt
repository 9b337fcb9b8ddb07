package dev.live.server.limits

/**
 * Counts messages that could not be decoded: [limit] of them within [windowMillis] are one too many.
 *
 * Only accessed by one session's reader.
 */
internal class BadMessageCounter(private val limit: Int, private val windowMillis: Long) {
    private val times = ArrayDeque<Long>(limit)

    /** Counts one at [now]; true if it was the one too many. */
    fun isTooMany(now: Long): Boolean {
        while (times.isNotEmpty() && now - times.first() > windowMillis) times.removeFirst()
        times.addLast(now)
        return times.size >= limit
    }
}
