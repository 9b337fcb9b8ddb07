package dev.live.benchmarks.load.report

/** The median, or null for an empty list. */
internal fun List<Double>.median(): Double? {
    if (isEmpty()) return null
    val sorted = sorted()
    val middle = size / 2
    return if (size % 2 == 1) sorted[middle] else (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * One measured value of one case, by server and round.
 *
 * A machine's speed drifts, so servers are compared within a round, where they ran one after the other: [ratio] is the
 * median of the rounds' ratios, and not the ratio of the medians.
 */
internal class Samples(private val values: Map<String, Map<Int, Double>>) {
    val servers: Set<String> get() = values.keys

    fun of(server: String): List<Double> = values[server].orEmpty().values.toList()

    fun median(server: String): Double? = of(server).median()

    /** The median ratio of [server] to [base] over all rounds, or null if they share no round. */
    fun ratio(server: String, base: String): Double? =
        values[server]
            .orEmpty()
            .mapNotNull { (round, value) -> values[base]?.get(round)?.takeIf { it > 0 }?.let { value / it } }
            .median()

    companion object {
        /** The values that [value] extracts from the records. Failed records and nulls are ignored. */
        fun of(records: List<Record>, value: (Record) -> Double?): Samples =
            Samples(
                records
                    .filter { it.result.failure == null }
                    .groupBy { it.server }
                    .mapValues { (_, runs) -> runs.mapNotNull { r -> value(r)?.let { r.round to it } }.toMap() }
                    .filterValues { it.isNotEmpty() },
            )
    }
}
