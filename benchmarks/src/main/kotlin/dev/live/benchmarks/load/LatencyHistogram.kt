package dev.live.benchmarks.load

/**
 * Histogram of durations in nanoseconds. A bucket is at most 1/64 of its value wide, so a percentile has an error of at
 * most 1.6 %. Recording does not allocate and hardly branches on the data. Not thread-safe.
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

    /** The percentile at [fraction] in nanoseconds, or 0 without records. */
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
