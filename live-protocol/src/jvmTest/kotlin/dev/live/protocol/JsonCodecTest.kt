package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeLessThan
import io.kotest.matchers.shouldBe
import java.lang.management.ManagementFactory
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

class JsonCodecTest : FunSpec({

    test("a hundred thousand data fields are rejected in linear time") {
        val text = List(100_000) { """"data":"\/"""" }.joinToString(",", """{"type":"x",""", "}")

        val used = cpuTimeOf {
            shouldThrow<MalformedMessageException> { JsonCodec.decode(text.encodeToByteArray()) }
                .reason shouldBe "data occurs twice in the message; send each name once"
        }

        used shouldBeLessThan 20.seconds // linear code needs less than 1 s, quadratic code minutes
    }
})

/** CPU time of the calling thread, which does not depend on other load on the machine. */
private fun cpuTimeOf(block: () -> Unit): Duration {
    val threads = ManagementFactory.getThreadMXBean()
    val before = threads.currentThreadCpuTime
    block()
    return (threads.currentThreadCpuTime - before).nanoseconds
}
