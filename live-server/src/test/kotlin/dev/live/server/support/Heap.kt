package dev.live.server.support

import java.lang.management.ManagementFactory

/** Bytes of live heap after collections have stopped freeing memory. */
internal fun liveHeap(): Long {
    val memory = ManagementFactory.getMemoryMXBean()
    var before = Long.MAX_VALUE
    repeat(10) {
        System.gc()
        val now = memory.heapMemoryUsage.used
        if (now > before - 256 * 1024) return minOf(now, before)
        before = now
    }
    return before
}

internal const val MIB = 1024L * 1024L
