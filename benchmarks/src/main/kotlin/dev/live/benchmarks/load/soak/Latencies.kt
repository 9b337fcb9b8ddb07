package dev.live.benchmarks.load.soak

import org.HdrHistogram.Recorder

/** Latencies from publish to delivery since the last sample. Thread-safe. */
internal class Latencies {
    private val recorder = Recorder(SIGNIFICANT_DIGITS)

    @Volatile
    private var isPaused = false

    fun record(nanos: Long) {
        if (!isPaused) recorder.recordValue(nanos.coerceAtLeast(0))
    }

    /** Returns the 99th percentile in milliseconds and starts the next sample. Null without records. */
    fun takeP99(): Double? {
        val sample = recorder.intervalHistogram
        return if (sample.totalCount == 0L) null else sample.getValueAtPercentile(99.0) / NANOS_PER_MILLI
    }

    /** Pauses recording, so that a garbage collection forced by the sampler does not count. */
    fun pause(isOn: Boolean) {
        isPaused = isOn
    }

    private companion object {
        const val SIGNIFICANT_DIGITS = 2
        const val NANOS_PER_MILLI = 1e6
    }
}
