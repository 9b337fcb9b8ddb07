package dev.live.samples.dashboard

import com.sun.management.OperatingSystemMXBean
import dev.live.server.LiveServer
import dev.live.server.topic.Topic
import java.lang.management.ManagementFactory
import kotlin.math.round

/**
 * Current metrics of this process and its live server. Only accessed by one coroutine.
 */
class Metrics(private val live: LiveServer, private val topic: Topic) {
    private val system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean::class.java)
    private val published = Rate()
    private val delivered = Rate()
    private val merged = Rate()

    fun measure(at: Long = System.currentTimeMillis()): List<Sample> {
        val stats = live.stats
        val runtime = Runtime.getRuntime()
        return listOf(
            "heap" to (runtime.totalMemory() - runtime.freeMemory()) / BYTES_PER_MIB,
            "cpu" to system.processCpuLoad.coerceAtLeast(0.0) * PERCENT,
            "sessions" to stats.sessions.toDouble(),
            "published" to published.perSecond(at, stats.published),
            "delivered" to delivered.perSecond(at, stats.deliveries),
            "merged" to merged.perSecond(at, topic.drops.conflated),
        ).map { (metric, value) -> Sample(metric, at, round(value * HUNDREDTHS) / HUNDREDTHS) }
    }

    private companion object {
        const val BYTES_PER_MIB = 1024.0 * 1024.0
        const val PERCENT = 100
        const val HUNDREDTHS = 100
    }
}
