package dev.live.client.connection

import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Exponential backoff with full jitter: attempt *n* waits a random time between zero and
 * `min(maxDelay, baseDelay * 2^n)`.
 *
 * The jitter prevents ten thousand clients from reconnecting at the same time after a deploy. Source of the formula:
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param maxAttempts attempts before giving up; [Int.MAX_VALUE] never gives up
 * @throws IllegalArgumentException if [baseDelay] is not positive, [maxDelay] is below it, or [maxAttempts] is negative
 */
public class ExponentialBackoff(
    private val baseDelay: Duration = 250.milliseconds,
    private val maxDelay: Duration = 30.seconds,
    private val maxAttempts: Int = Int.MAX_VALUE,
    private val random: Random = Random.Default,
) : ReconnectPolicy {
    init {
        require(baseDelay.isPositive()) { "baseDelay must be positive, was $baseDelay" }
        require(maxDelay >= baseDelay) { "maxDelay ($maxDelay) must not be below baseDelay ($baseDelay)" }
        require(maxAttempts >= 0) { "maxAttempts must not be negative, was $maxAttempts" }
    }

    override fun delayBefore(attempt: Int): Duration? {
        if (attempt >= maxAttempts) return null
        val doublings = attempt.coerceAtMost(MAX_DOUBLINGS)
        val ceiling = (baseDelay * (1L shl doublings).toDouble()).coerceAtMost(maxDelay)
        return ceiling * random.nextDouble()
    }

    private companion object {
        const val MAX_DOUBLINGS = 30 // enough to reach every realistic maxDelay
    }
}
