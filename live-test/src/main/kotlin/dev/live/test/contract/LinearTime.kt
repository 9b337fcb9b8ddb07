package dev.live.test.contract

import io.kotest.matchers.comparables.shouldBeLessThan
import java.lang.management.ManagementFactory
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Checks that [block] uses less than 20 s of CPU time. [block] must do its work on the calling thread.
 *
 * For the inputs of the contracts, linear code needs less than 1 s and quadratic code needs minutes. CPU time does not
 * depend on other load on the machine.
 */
internal fun assertLinearTime(block: () -> Unit) {
    val threads = ManagementFactory.getThreadMXBean()
    val before = threads.currentThreadCpuTime
    block()
    (threads.currentThreadCpuTime - before).nanoseconds shouldBeLessThan 20.seconds
}
