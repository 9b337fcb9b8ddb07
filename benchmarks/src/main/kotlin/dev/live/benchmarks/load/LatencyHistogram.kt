package dev.live.benchmarks.load

/**
 * Counts of durations in nanoseconds, in buckets that are at most 1/64 of their value wide: a percentile is off by at
 * most 1.6 %. Recording neither allocates nor branches on the data much. Single-threaded.
 */
internal class LatencyHistogram {
    private val counts = LongArray((64 - SUB_BITS) * SUB + SUB)

    var count: Long = 0
        private set

    fun record(nanos: Long) {
        counts[indexOf(nanos.coerceAtLeast(0))]++
        count++
    }

    fun clear() {
        counts.fill(0)
        count = 0
    }

    /** The duration in nanoseconds that [fraction] of all records do not exceed, or 0 where there are none. */
    fun percentile(fraction: Double): Long {
        if (count == 0L) return 0
        val rank = Math.ceil(fraction * count).toLong().coerceIn(1, count)
        var seen = 0L
        for (i in counts.indices) {
            seen += counts[i]
            if (seen >= rank) return upperEdge(i)
        }
        error("unreachable: the counts do not add up to $count")
    }

    private fun indexOf(value: Long): Int {
        if (value < SUB) return value.toInt()
        val shift = 63 - SUB_BITS - java.lang.Long.numberOfLeadingZeros(value)
        return shift * SUB + (value ushr shift).toInt()
    }

    private fun upperEdge(index: Int): Long {
        if (index < SUB * 2) return index.toLong()
        val shift = index / SUB - 1
        return ((index - shift * SUB).toLong() + 1 shl shift) - 1
    }

    private companion object {
        const val SUB_BITS = 6
        const val SUB = 1 shl SUB_BITS
    }
}
