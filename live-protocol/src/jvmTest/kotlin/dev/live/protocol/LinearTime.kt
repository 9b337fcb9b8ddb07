package dev.live.protocol

import io.kotest.matchers.comparables.shouldBeLessThan
import java.lang.management.ManagementFactory
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Checks that [block], which does its work on the calling thread, needs less than 20 s of CPU time. The tests choose
 * inputs for which linear code needs less than 1 s, and quadratic code minutes. CPU time does not depend on what else the
 * machine does.
 */
internal fun takesLinearTime(block: () -> Unit) {
    val threads = ManagementFactory.getThreadMXBean()
    val before = threads.currentThreadCpuTime
    block()
    (threads.currentThreadCpuTime - before).nanoseconds shouldBeLessThan 20.seconds
}
