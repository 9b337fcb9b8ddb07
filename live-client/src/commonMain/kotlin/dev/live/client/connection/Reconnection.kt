package dev.live.client.connection

import dev.live.protocol.GoodbyeData
import dev.live.protocol.ReconnectRule
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds

/**
 * What is left of a connection, or of the attempt to open one.
 *
 * @property isProven whether it was good for something, so that the next attempts start counting anew
 * @property goodbye what the server announced before, or null
 */
internal class ConnectionEnd(
    val cause: DisconnectCause,
    val isProven: Boolean = false,
    val goodbye: GoodbyeData? = null,
)

/**
 * What comes before an attempt.
 *
 * @property mayBeShorter whether an attempt may come sooner where something says that it is worth it: not where the
 *   server asked for the wait
 */
internal class Wait(val delay: Duration, val mayBeShorter: Boolean)

/** Counts attempts and turns the end of a connection into the wait for the next. Only used by the connection loop. */
internal class Reconnection(
    private val policy: ReconnectPolicy,
    private val canRefreshToken: Boolean,
    private val random: Random,
) {
    /** The attempt that is under way or comes next; 0 is the first connection. */
    var attempt = 0
        private set

    /** How many connections in a row ended with a code that only so many may end with. */
    private var inARow = 0

    /** The wait before the next attempt, which is counted; null if there is to be none. */
    fun waitAfter(end: ConnectionEnd): Wait? {
        if (end.isProven) startAnew()
        if (isOneTooMany(end.cause)) return null
        val wait =
            when (val rule = end.cause.rule) {
                ReconnectRule.Never -> null
                ReconnectRule.FreshToken -> if (canRefreshToken) byPolicy() else null
                ReconnectRule.GoodbyeWindow -> inWindow(end.goodbye)?.let { Wait(it, mayBeShorter = false) }
                    ?: byPolicy()
                // a server that said goodbye and then fell over without a close frame has still named its window
                is ReconnectRule.Backoff ->
                    inWindow(end.goodbye)?.let { Wait(maxOf(it, spread(rule.minDelay)), mayBeShorter = false) }
                        ?: atLeast(rule.minDelay)
            }
        if (wait != null) attempt++
        return wait
    }

    /** A connection was good for something: what failed before it counts no longer. */
    fun startAnew() {
        attempt = 0
        inARow = 0
    }

    /** A row ends with another code or a useful connection. An attempt that opened no connection does not end it. */
    private fun isOneTooMany(cause: DisconnectCause): Boolean {
        if (cause !is DisconnectCause.ClosedByServer) return false
        val most = (cause.rule as? ReconnectRule.Backoff)?.maxInARow ?: Int.MAX_VALUE
        inARow = if (most == Int.MAX_VALUE) 0 else inARow + 1
        return inARow > most
    }

    private fun byPolicy(): Wait? = policy.delayBefore(attempt)?.let { Wait(it, mayBeShorter = true) }

    private fun atLeast(minDelay: Duration): Wait? {
        val backoff = policy.delayBefore(attempt) ?: return null
        return Wait(maxOf(backoff, spread(minDelay)), mayBeShorter = minDelay == Duration.ZERO)
    }

    /** Up to its double, or every client that was told "5 s" would be back in the same instant. */
    private fun spread(minDelay: Duration): Duration = minDelay + minDelay * random.nextDouble()

    private fun inWindow(goodbye: GoodbyeData?): Duration? {
        val (min, max) = goodbye?.reconnectInMs?.takeIf { it.size == 2 } ?: return null
        if (min < 0 || max < min) return null
        val width = (max - min).milliseconds.coerceAtMost(LONGEST)
        return min.milliseconds.coerceAtMost(LONGEST) + width * random.nextDouble()
    }

    private companion object {
        /** Of the window's begin and of its width: what a server gets wrong must not be the end of a client. */
        val LONGEST = 1.hours
    }
}
