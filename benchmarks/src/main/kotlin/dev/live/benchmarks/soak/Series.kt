package dev.live.benchmarks.soak

import dev.live.benchmarks.report.median
import dev.live.benchmarks.report.number
import kotlin.math.abs

/**
 * One number over time.
 *
 * @param unit as it stands behind a number; empty for counts
 * @param share growth over the judged time that counts as flat, as a part of the median; null: any growth does
 * @param floor growth that counts as flat in any case, in [unit]
 * @param control the same of a machine without live: what that grows by is allowed besides
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

    /** The last two thirds: before that, classes load, pools fill and code is compiled. */
    private val judged: List<Sample> get() = samples.drop((samples.size + 2) / 3)

    /** Growth over the judged time by the median of the slopes between all pairs (Theil–Sen), which outliers do not move. */
    val growth: Double
        get() {
            val points = judged
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

    val middle: Double get() = judged.map { it.value }.median() ?: 0.0

    /** Null where any growth is allowed. */
    val allowed: Double?
        get() = share?.let { maxOf(it * abs(middle), floor) + (control?.growth?.coerceAtLeast(0.0) ?: 0.0) }

    /** Whether it does not grow; that it falls is not held against it. */
    val isFlat: Boolean get() = allowed?.let { growth <= it } ?: true

    fun text(value: Double): String = number(value, decimals) + if (unit.isEmpty()) "" else " $unit"

    internal class Sample(val seconds: Double, val value: Double)
}
