package dev.live.benchmarks.report

/** The middle of the values, or the mean of the two in the middle; null where there are none. */
internal fun List<Double>.median(): Double? {
    if (isEmpty()) return null
    val sorted = sorted()
    val middle = size / 2
    return if (size % 2 == 1) sorted[middle] else (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * One number of one case, by server and round.
 *
 * A machine's speed drifts, so servers are compared within a round, in which they ran one after the other: [ratio] is
 * the median of the rounds' ratios, and not the ratio of the medians.
 */
internal class Samples(private val values: Map<String, Map<Int, Double>>) {
    val servers: Set<String> get() = values.keys

    fun of(server: String): List<Double> = values[server].orEmpty().values.toList()

    fun median(server: String): Double? = of(server).median()

    /** How many times [base]'s number [server]'s is; null where they share no round. */
    fun ratio(server: String, base: String): Double? =
        values[server]
            .orEmpty()
            .mapNotNull { (round, value) -> values[base]?.get(round)?.takeIf { it > 0 }?.let { value / it } }
            .median()

    companion object {
        /** The number that [value] finds in each record; those that failed, or have none, do not count. */
        fun of(records: List<Record>, value: (Record) -> Double?): Samples =
            Samples(
                records
                    .filter { it.result.failure == null }
                    .groupBy { it.server }
                    .mapValues { (_, mine) -> mine.mapNotNull { r -> value(r)?.let { r.round to it } }.toMap() }
                    .filterValues { it.isNotEmpty() },
            )
    }
}
