package dev.live.server.limits

import java.util.concurrent.ConcurrentHashMap

/**
 * One bucket for all sessions that a user has on this node, forgotten with the last of them. Every function may be
 * called from any thread.
 */
internal class UserRates(private val rate: Rate) {
    private val byUser = ConcurrentHashMap<String, UserRate>()

    val size: Int get() = byUser.size

    /** The bucket of [user], for one more session, which has to [leave] in the end. */
    fun join(user: String, now: Long): UserRate =
        byUser.compute(user) { _, known -> (known ?: UserRate(rate, now)).apply { sessions++ } }!!

    fun leave(user: String) {
        byUser.computeIfPresent(user) { _, known -> known.takeIf { --it.sessions > 0 } }
    }
}

/** A bucket that sessions share. */
internal class UserRate(rate: Rate, start: Long) {
    private val limiter = RateLimiter(rate, start)

    /** Only accessed inside the map's own computations. */
    var sessions = 0

    /** As [RateLimiter.take]; from any thread. Who was refused how often is for each session to count. */
    fun take(now: Long): Long = synchronized(limiter) { limiter.takeUncounted(now) }
}
