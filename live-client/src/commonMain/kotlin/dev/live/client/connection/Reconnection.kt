package dev.live.client.connection

import dev.live.protocol.GoodbyeData
import dev.live.protocol.ReconnectRule
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds

/**
 * The result of a connection, or of an attempt to open one.
 *
 * @property wasStable whether the connection was stable, which resets the attempt count
 * @property goodbye the server's `goodbye` before the close, or null
 */
internal class ConnectionEnd(
    val cause: DisconnectCause,
    val wasStable: Boolean = false,
    val goodbye: GoodbyeData? = null,
)

/**
 * The delay before an attempt.
 *
 * @property canShorten whether [DeviceConditions] may end the delay early; false if the server requested the delay
 */
internal class ReconnectDelay(val delay: Duration, val canShorten: Boolean)

/** Counts attempts and computes the delay before each reconnect. Only used by the connection loop. */
internal class Reconnection(
    private val policy: ReconnectPolicy,
    private val canRefreshToken: Boolean,
    private val random: Random,
) {
    /** The number of the current or next attempt; 0 is the first connection. */
    var attempt = 0
        private set

    /** Consecutive connections that ended with a code for which the number of reconnects is limited. */
    private var consecutive = 0

    /** Returns the delay before the next attempt, and counts that attempt. Returns null to stop. */
    fun delayAfter(end: ConnectionEnd): ReconnectDelay? {
        if (end.wasStable) resetAttempts()
        if (exceedsLimit(end.cause)) return null
        val delay =
            when (val rule = end.cause.rule) {
                ReconnectRule.Never -> null
                ReconnectRule.FreshToken -> if (canRefreshToken) policyDelay() else null
                ReconnectRule.GoodbyeWindow ->
                    delayInWindow(end.goodbye)?.let { ReconnectDelay(it, canShorten = false) } ?: policyDelay()
                // the window also applies if the server sent a goodbye and then crashed without a close frame
                is ReconnectRule.Backoff ->
                    delayInWindow(end.goodbye)
                        ?.let { ReconnectDelay(maxOf(it, withJitter(rule.minDelay)), canShorten = false) }
                        ?: delayOfAtLeast(rule.minDelay)
            }
        if (delay != null) attempt++
        return delay
    }

    /** Called after a stable connection: earlier failures no longer count. */
    fun resetAttempts() {
        attempt = 0
        consecutive = 0
    }

    /**
     * Whether too many connections in a row ended with the code of [cause]. Another code or a stable connection
     * restarts the count; an attempt that opened no connection does not.
     */
    private fun exceedsLimit(cause: DisconnectCause): Boolean {
        if (cause !is DisconnectCause.ClosedByServer) return false
        val limit = (cause.rule as? ReconnectRule.Backoff)?.maxInARow ?: Int.MAX_VALUE
        consecutive = if (limit == Int.MAX_VALUE) 0 else consecutive + 1
        return consecutive > limit
    }

    private fun policyDelay(): ReconnectDelay? =
        policy.delayBefore(attempt)?.let { ReconnectDelay(it, canShorten = true) }

    private fun delayOfAtLeast(minDelay: Duration): ReconnectDelay? {
        val backoff = policy.delayBefore(attempt) ?: return null
        return ReconnectDelay(maxOf(backoff, withJitter(minDelay)), canShorten = minDelay == Duration.ZERO)
    }

    /**
     * Between [minDelay] and its double. Without jitter, all clients with the same `minDelay` reconnect
     * simultaneously.
     */
    private fun withJitter(minDelay: Duration): Duration = minDelay + minDelay * random.nextDouble()

    private fun delayInWindow(goodbye: GoodbyeData?): Duration? {
        val (min, max) = goodbye?.reconnectInMs?.takeIf { it.size == 2 } ?: return null
        if (min < 0 || max < min) return null
        val width = (max - min).milliseconds.coerceAtMost(MAX_WINDOW)
        return min.milliseconds.coerceAtMost(MAX_WINDOW) + width * random.nextDouble()
    }

    private companion object {
        /**
         * Limit for the start and for the width of the window, so that a faulty server cannot stop a client for long.
         */
        val MAX_WINDOW = 1.hours
    }
}
