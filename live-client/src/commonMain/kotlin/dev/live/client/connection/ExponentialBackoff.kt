package dev.live.client.connection

import kotlin.math.pow
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Exponential backoff with full jitter: attempt *n* waits a random time between zero and
 * `min(maxDelay, baseDelay * growth^n)`.
 *
 * The jitter prevents ten thousand clients from reconnecting at the same time after a deploy. Source of the formula:
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param maxAttempts attempts before giving up; [Int.MAX_VALUE] never gives up
 * @param growth the factor between the maxima of two successive delays. After an outage, the median wait for the next
 *   attempt is about a fifth of the outage's length by default, and half of it with 2.
 * @throws IllegalArgumentException if [baseDelay] is not positive, [maxDelay] is below it, [maxAttempts] is negative,
 *   or [growth] is below 1 or not finite
 */
public class ExponentialBackoff(
    private val baseDelay: Duration = 250.milliseconds,
    private val maxDelay: Duration = 30.seconds,
    private val maxAttempts: Int = Int.MAX_VALUE,
    private val growth: Double = 1.35,
    private val random: Random = Random.Default,
) : ReconnectPolicy {
    init {
        require(baseDelay.isPositive()) { "baseDelay must be positive, was $baseDelay" }
        require(maxDelay >= baseDelay) { "maxDelay ($maxDelay) must not be below baseDelay ($baseDelay)" }
        require(maxAttempts >= 0) { "maxAttempts must not be negative, was $maxAttempts" }
        require(growth >= 1 && growth.isFinite()) { "growth must be finite and at least 1, was $growth" }
    }

    override fun delayBefore(attempt: Int): Duration? {
        if (attempt >= maxAttempts) return null
        val ceiling = (baseDelay * growth.pow(attempt)).coerceAtMost(maxDelay) // at most infinite: it never overflows
        return ceiling * random.nextDouble()
    }
}
