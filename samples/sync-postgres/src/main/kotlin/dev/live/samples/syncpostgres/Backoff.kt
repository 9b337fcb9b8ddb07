package dev.live.samples.syncpostgres

import kotlin.random.Random
import kotlin.time.Duration

/**
 * How long to wait after connections that failed: [first] after one, then twice as long each time up to [longest], and
 * of that a random part between half and all. So several servers do not come back to a database in step, and none comes
 * at once.
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

    /** The wait after [failures] in a row, which is at least 1. */
    fun delayAfter(failures: Int): Duration {
        val doublings = (failures - 1).coerceIn(0, MAX_DOUBLINGS)
        return minOf(first * (1L shl doublings).toDouble(), longest) * random.nextDouble(0.5, 1.0)
    }

    private companion object {
        const val MAX_DOUBLINGS = 30 // past this every longest has been reached
    }
}
