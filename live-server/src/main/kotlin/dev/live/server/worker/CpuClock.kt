package dev.live.server.worker

import java.lang.management.ManagementFactory
import java.lang.management.ThreadMXBean

/** Measures the CPU time that threads have used. */
internal class CpuClock private constructor(private val threads: ThreadMXBean) {
    fun nanosOf(thread: Thread): Long = threads.getThreadCpuTime(thread.id)

    companion object {
        /** The share of a look at the workers that the clock must be able to show. */
        private const val MAX_STEP_NANOS = 250_000L
        private const val MAX_MEASUREMENT_NANOS = 100_000_000L
        private const val STEPS = 3

        /** Returns null if this JVM does not measure the CPU time of threads, or not precisely enough. */
        fun open(): CpuClock? =
            try {
                ManagementFactory.getThreadMXBean()
                    .takeIf { it.isThreadCpuTimeSupported && it.isThreadCpuTimeEnabled && isFine(it) }
                    ?.let(::CpuClock)
            } catch (_: LinkageError) {
                null // a runtime image without the module java.management
            }

        private fun isFine(threads: ThreadMXBean) = isFine(threads::getCurrentThreadCpuTime, System::nanoTime)

        /**
         * Whether a clock that [read] returns has steps of less than a quarter of a millisecond. On Windows they are
         * 15.6 ms long: almost every look would see a worker that has not used the CPU. Takes microseconds for a fine
         * clock, and up to 100 ms for a coarse one.
         *
         * @param time the wall clock, which limits the measurement
         */
        fun isFine(read: () -> Long, time: () -> Long): Boolean {
            val start = time()
            // a page fault or an interrupt can make one step of a fine clock long
            repeat(STEPS) {
                val first = read()
                var next = read()
                while (next == first) {
                    if (time() - start > MAX_MEASUREMENT_NANOS) return false
                    next = read()
                }
                if (next - first <= MAX_STEP_NANOS) return true
            }
            return false
        }
    }
}
