package dev.live.benchmarks.load.generator

import org.HdrHistogram.Histogram

/**
 * Measures deliveries within a time window. Deliveries before and after the window do not count.
 *
 * @property server the server's process, if known
 * @property isSlow true for the sequence number of a message whose latency is counted separately, because its handler
 *   blocks
 */
internal class Measurement(
    private val server: ProcessStats?,
    private val loop: ClientLoop,
    private val isSlow: (sequence: Int) -> Boolean = { false },
) {
    private val generator = ProcessStats.self()
    private val histogram = Histogram(HIGHEST_NANOS, SIGNIFICANT_DIGITS)
    private val slowHistogram = Histogram(HIGHEST_NANOS, SIGNIFICANT_DIGITS)
    private var lastProgress = 0L
    private var seen = 0L

    /** Deliveries since the start. */
    var deliveries = 0L
        private set

    fun record(nanos: Long, sequence: Int) {
        deliveries++
        (if (isSlow(sequence)) slowHistogram else histogram).recordValue(nanos.coerceIn(0, HIGHEST_NANOS))
    }

    /** Calls [iteration] repeatedly for [warmup] and then [seconds] seconds. Returns the measurements of the latter. */
    fun run(warmup: Double, seconds: Double, iteration: () -> Unit): Window {
        repeatFor(warmup, iteration)
        histogram.reset()
        slowHistogram.reset()
        val deliveriesBefore = deliveries
        val readsBefore = loop.deliveryReads
        val machineBefore = CpuTimes.now()
        val serverBefore = server?.cpuSeconds()
        val generatorBefore = generator.cpuSeconds()
        val elapsed = repeatFor(seconds, iteration)
        val serverCpu = difference(server?.cpuSeconds(), serverBefore)
        val generatorCpu = difference(generator.cpuSeconds(), generatorBefore)
        val machine = CpuTimes.now()?.let { now -> machineBefore?.let { now - it } }
        val delivered = deliveries - deliveriesBefore
        val reads = loop.deliveryReads - readsBefore
        return Window(
            seconds = elapsed,
            deliveries = delivered,
            framesPerRead = if (reads > 0) delivered.toDouble() / reads else null,
            p50 = histogram.micros(50.0),
            p99 = histogram.micros(99.0),
            p999 = histogram.micros(99.9),
            slow = slowHistogram.totalCount.takeIf { it > 0 }?.let { SlowMessages(it, slowHistogram.micros(50.0)) },
            serverCpu = serverCpu,
            generatorCpu = generatorCpu?.let { it / elapsed },
            otherCpu =
                if (machine == null || serverCpu == null || generatorCpu == null) {
                    null
                } else {
                    ((machine.busy - serverCpu - generatorCpu) / elapsed).coerceAtLeast(0.0)
                },
            steal = machine?.let { it.steal / elapsed },
        )
    }

    private fun difference(after: Double?, before: Double?): Double? =
        if (after == null || before == null) null else after - before

    private fun Histogram.micros(percentile: Double): Double = getValueAtPercentile(percentile) / NANOS_PER_MICRO

    /** Calls [iteration] until [isDone], or until no delivery has arrived for 2 seconds. */
    fun drain(isDone: () -> Boolean, iteration: () -> Unit) {
        seen = deliveries
        lastProgress = System.nanoTime()
        while (!isDone() && idleNanos() < DRAIN_NANOS) iteration()
    }

    private fun repeatFor(seconds: Double, iteration: () -> Unit): Double {
        val start = System.nanoTime()
        val end = start + (seconds * 1e9).toLong()
        seen = deliveries
        lastProgress = start
        while (System.nanoTime() < end) {
            iteration()
            check(loop.closed == 0) { "the server closed ${loop.closed} connections, ${loop.describeClosed()}" }
            check(idleNanos() < STALL_NANOS) { "nothing was delivered for 5 seconds" }
        }
        return (System.nanoTime() - start) / 1e9
    }

    private fun idleNanos(): Long {
        val now = System.nanoTime()
        if (deliveries != seen) {
            seen = deliveries
            lastProgress = now
        }
        return now - lastProgress
    }

    private companion object {
        const val NANOS_PER_MICRO = 1e3
        const val HIGHEST_NANOS = 600_000_000_000L

        /** An error of at most 1 %, with 34 KB of counts. */
        const val SIGNIFICANT_DIGITS = 2
        const val STALL_NANOS = 5_000_000_000L
        const val DRAIN_NANOS = 2_000_000_000L
    }
}

/** The measurements of one time window. See [LoadResult] for the units. */
internal class Window(
    val seconds: Double,
    val deliveries: Long,
    val framesPerRead: Double?,
    val p50: Double,
    val p99: Double,
    val p999: Double,
    val slow: SlowMessages?,
    val serverCpu: Double?,
    val generatorCpu: Double?,
    val otherCpu: Double?,
    val steal: Double?,
)
