package dev.live.server.limits

/**
 * A token bucket: [perSecond] messages a second on average, up to [burst] at once.
 *
 * Only accessed by one session's reader. Times are milliseconds of the server's clock.
 */
internal class RateLimiter(private val perSecond: Int, private val burst: Int, start: Long) {
    private var tokens = burst.toDouble()
    private var filled = start
    private var refusedInARow = 0

    /** Takes a token: zero if there was one, else the milliseconds until there will be. */
    fun take(now: Long): Long {
        tokens = minOf(burst.toDouble(), tokens + (now - filled) * perSecond / MILLIS)
        filled = now
        if (tokens >= 1) {
            tokens -= 1
            refusedInARow = 0
            return 0
        }
        refusedInARow++
        return ((1 - tokens) * MILLIS / perSecond).toLong() + 1
    }

    /** Whether the client went on for another whole burst without heeding the refusals. */
    val isExhausted: Boolean get() = refusedInARow >= burst

    private companion object {
        const val MILLIS = 1_000.0
    }
}
