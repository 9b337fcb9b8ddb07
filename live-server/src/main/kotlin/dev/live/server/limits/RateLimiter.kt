package dev.live.server.limits

import kotlin.math.ceil

/**
 * A token bucket: [perSecond] messages a second on average, up to [burst] at once.
 *
 * Only accessed by one session's reader. Times are milliseconds of the server's clock.
 */
internal class RateLimiter(private val perSecond: Int, private val burst: Int, start: Long) {
    private var tokens = burst.toDouble()
    private var filled = start

    /** Refusals that are not forgotten yet: they fade at the rate at which messages may come. */
    private var refusals = 0.0

    /** Takes a token: zero if there was one, else the milliseconds until there will be. */
    fun take(now: Long): Long {
        val refill = (now - filled) * perSecond / MILLIS
        tokens = minOf(burst.toDouble(), tokens + refill)
        refusals = maxOf(0.0, refusals - refill)
        filled = now
        if (tokens >= 1) {
            tokens -= 1
            return 0
        }
        refusals += 1
        return ceil((1 - tokens) * MILLIS / perSecond).toLong()
    }

    /** Whether the client did not heed the refusals of a whole burst: it sends more than twice what it may, and goes on. */
    val isExhausted: Boolean get() = refusals >= burst

    private companion object {
        const val MILLIS = 1_000.0
    }
}
