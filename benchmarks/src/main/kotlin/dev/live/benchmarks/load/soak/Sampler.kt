package dev.live.benchmarks.load.soak

import dev.live.benchmarks.load.generator.ProcessStats
import dev.live.benchmarks.load.generator.histogram
import java.lang.management.ManagementFactory

/** Samples the memory, threads and descriptors of both processes. */
internal class Sampler(private val server: ProcessStats, private val latencies: Latencies) {
    private val self = ProcessStats.self()
    private val serverHeap = heap("server heap")
    private val serverThreads = threads("server threads")
    private val serverDescriptors = descriptors("server descriptors")
    private val clientHeap = heap("clients' heap")
    private val clientThreads = threads("clients' threads")
    private val clientDescriptors = descriptors("clients' descriptors")
    private val timer = TimerDelay()

    /** Grows when other processes use the machine. live has no influence on it, so any growth is allowed. */
    private val machine = Series("p99 of a timer's delay", "ms", decimals = 1, share = null, floor = 0.0)
    private val p99 = Series("p99 latency", "ms", decimals = 1, share = 0.5, floor = 10.0, control = machine)

    val series =
        listOf(serverHeap, serverThreads, serverDescriptors, p99, machine, clientHeap, clientThreads, clientDescriptors)

    /** Takes a sample at [seconds] and returns it as text. */
    fun sample(seconds: Double): String {
        latencies.takeP99()?.let { p99.add(seconds, it) }
        timer.delays.takeP99()?.let { machine.add(seconds, it) }
        pause(true)
        try {
            server.histogram()?.let { serverHeap.add(seconds, it.totalBytes() / MIB) }
            clientHeap.add(seconds, ownHeap() / MIB)
        } finally {
            Thread.sleep(SETTLE_MILLIS)
            pause(false)
        }
        server.threads()?.let { serverThreads.add(seconds, it.toDouble()) }
        server.descriptors()?.let { serverDescriptors.add(seconds, it.toDouble()) }
        self.threads()?.let { clientThreads.add(seconds, it.toDouble()) }
        self.descriptors()?.let { clientDescriptors.add(seconds, it.toDouble()) }
        return series.filter { it.all.isNotEmpty() }
            .joinToString { "${it.name} ${it.text(it.all.last().value)}" }
    }

    private fun pause(isOn: Boolean) {
        latencies.pause(isOn)
        timer.delays.pause(isOn)
    }

    private fun ownHeap(): Double {
        System.gc()
        return ManagementFactory.getMemoryMXBean().heapMemoryUsage.used.toDouble()
    }

    /** Heap after a full collection. */
    private fun heap(name: String) = Series(name, "MiB", decimals = 1, share = 0.1, floor = 3.0)

    /** `Dispatchers.IO` and the workers of handlers add threads at each new peak, up to 64 each. */
    private fun threads(name: String) = Series(name, "", decimals = 0, share = 0.1, floor = 10.0)

    private fun descriptors(name: String) = Series(name, "", decimals = 0, share = 0.1, floor = 8.0)

    private companion object {
        const val MIB = 1024.0 * 1024.0

        /** By then, messages that were delayed by the collection have been delivered. */
        const val SETTLE_MILLIS = 500L
    }
}
