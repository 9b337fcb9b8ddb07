package dev.live.samples.syncpostgres

import kotlin.random.Random
import kotlin.time.Duration

/**
 * Exponential backoff with equal jitter: the delay starts at [first], doubles up to [longest], and is reduced by a
 * random part of at most half. The jitter keeps several servers from reconnecting to a database at the same time.
 */
internal class Backoff(
    private val first: Duration,
    private val longest: Duration,
    private val random: Random = Random.Default,
) {
    init {
        require(first.isPositive()) { "first must be positive, was $first" }
        require(longest >= first && longest.isFinite()) {
            "longest ($longest) must be finite and not below first ($first)"
        }
    }

    /** The delay after [failures] consecutive failures, at least 1. */
    fun delayAfter(failures: Int): Duration {
        val doublings = (failures - 1).coerceIn(0, MAX_DOUBLINGS)
        return minOf(first * (1L shl doublings).toDouble(), longest) * random.nextDouble(0.5, 1.0)
    }

    private companion object {
        const val MAX_DOUBLINGS = 30 // any realistic longest is reached before
    }
}
