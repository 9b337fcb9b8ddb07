package dev.live.benchmarks.load.soak

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.plusOrMinus
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe

class LatenciesTest : FunSpec({

    test("a sample has the 99th percentile of the latencies since the last one") {
        val latencies = Latencies()

        repeat(100) { latencies.record(1_000_000_000L) }
        latencies.takeP99().shouldNotBeNull() shouldBe (1_000.0 plusOrMinus 10.0)

        for (millis in 1..100) latencies.record(millis * 1_000_000L)
        latencies.takeP99().shouldNotBeNull() shouldBe (99.0 plusOrMinus 1.0)

        latencies.takeP99() shouldBe null
    }

    test("a latency during a pause does not count") {
        val latencies = Latencies()

        latencies.pause(true)
        latencies.record(1_000_000)
        latencies.pause(false)

        latencies.takeP99() shouldBe null
    }
})
