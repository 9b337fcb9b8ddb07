package dev.live.benchmarks.soak

import dev.live.benchmarks.load.LatencyHistogram

/** Latencies from publish to delivery since the last sample. Thread-safe. */
internal class Latencies {
    private val histogram = LatencyHistogram()
    private var isPaused = false

    @Synchronized
    fun record(nanos: Long) {
        if (!isPaused) histogram.record(nanos)
    }

    /** Returns the 99th percentile in milliseconds and resets the histogram. Null without records. */
    @Synchronized
    fun takeP99(): Double? {
        val p99 = if (histogram.count == 0L) null else histogram.percentile(P99) / NANOS_PER_MILLI
        histogram.clear()
        return p99
    }

    /** Pauses recording, so that a garbage collection forced by the sampler does not count. */
    @Synchronized
    fun pause(isOn: Boolean) {
        isPaused = isOn
    }

    private companion object {
        const val P99 = 0.99
        const val NANOS_PER_MILLI = 1e6
    }
}
