package dev.live.benchmarks.load.soak

import dev.live.benchmarks.load.report.median
import dev.live.benchmarks.load.report.number
import kotlin.math.abs

/**
 * One measured value over time.
 *
 * @param unit unit after the number; empty for counts
 * @param share maximum growth over the evaluated time that counts as flat, as a fraction of the median; null allows any
 *   growth
 * @param floor growth that always counts as flat, in [unit]
 * @param control the same measurement without live; its growth is allowed in addition
 */
internal class Series(
    val name: String,
    val unit: String,
    private val decimals: Int,
    private val share: Double?,
    private val floor: Double,
    private val control: Series? = null,
) {
    private val samples = ArrayList<Sample>()

    val all: List<Sample> get() = samples

    fun add(seconds: Double, value: Double) {
        samples += Sample(seconds, value)
    }

    /** The last two thirds. Before that, classes load, pools fill and code is compiled. */
    private val evaluated: List<Sample> get() = samples.drop((samples.size + 2) / 3)

    /**
     * Growth over the evaluated time: the median slope between all pairs of samples (Theil–Sen), which is robust
     * against outliers.
     */
    val growth: Double
        get() {
            val points = evaluated
            if (points.size < 2) return 0.0
            val slopes =
                points.flatMapIndexed { i, a ->
                    points.drop(i + 1).map { b ->
                        (b.value - a.value) /
                            (b.seconds - a.seconds)
                    }
                }
            return slopes.median()!! * (points.last().seconds - points.first().seconds)
        }

    val median: Double get() = evaluated.map { it.value }.median() ?: 0.0

    /** The allowed growth. Null if any growth is allowed. */
    val allowed: Double?
        get() = share?.let { maxOf(it * abs(median), floor) + (control?.growth?.coerceAtLeast(0.0) ?: 0.0) }

    /** True if the series does not grow. A falling series counts as flat. */
    val isFlat: Boolean get() = allowed?.let { growth <= it } ?: true

    fun text(value: Double): String = number(value, decimals) + if (unit.isEmpty()) "" else " $unit"

    internal class Sample(val seconds: Double, val value: Double)
}
