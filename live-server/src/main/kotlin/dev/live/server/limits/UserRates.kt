package dev.live.server.limits

import java.util.concurrent.ConcurrentHashMap

/**
 * One token bucket per user, shared by all sessions of the user on this node and removed with the last of them. Every
 * function may be called from any thread.
 */
internal class UserRates(private val rate: Rate) {
    private val byUser = ConcurrentHashMap<String, UserRate>()

    val size: Int get() = byUser.size

    /** Returns the bucket of [user] for a new session. Each call requires a later call of [release]. */
    fun retain(user: String, now: Long): UserRate =
        byUser.compute(user) { _, current -> (current ?: UserRate(rate, now)).apply { sessions++ } }!!

    fun release(user: String) {
        byUser.computeIfPresent(user) { _, current -> current.takeIf { --it.sessions > 0 } }
    }
}

/** A token bucket shared by the sessions of one user. */
internal class UserRate(rate: Rate, start: Long) {
    private val limiter = RateLimiter(rate, start)

    /** Only accessed inside the compute functions of the map. */
    var sessions = 0

    /** [RateLimiter.take] from any thread. Each session counts its rejections itself. */
    fun take(now: Long): Long = synchronized(limiter) { limiter.takeWithoutPenalty(now) }
}
