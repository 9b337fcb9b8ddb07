package dev.live.benchmarks.soak

import dev.live.benchmarks.load.LatencyHistogram

/** From publish to delivery, since the last look. From any thread. */
internal class Latencies {
    private val histogram = LatencyHistogram()
    private var isPaused = false

    @Synchronized
    fun record(nanos: Long) {
        if (!isPaused) histogram.record(nanos)
    }

    /** Milliseconds that 99 of 100 did not exceed, and begins anew; null if there was none. */
    @Synchronized
    fun takeP99(): Double? {
        val p99 = if (histogram.count == 0L) null else histogram.percentile(P99) / NANOS_PER_MILLI
        histogram.clear()
        return p99
    }

    /** A full collection that is made to measure is not to be measured. */
    @Synchronized
    fun pause(isOn: Boolean) {
        isPaused = isOn
    }

    private companion object {
        const val P99 = 0.99
        const val NANOS_PER_MILLI = 1e6
    }
}
