package dev.live.server.worker

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class CpuClockTest : FunSpec({

    test("a clock with steps of up to a quarter of a millisecond is fine, a coarser one is not") {
        for ((step, isFine) in listOf(1L to true, 250_000L to true, 300_000L to false, 15_600_000L to false)) {
            var time = 0L

            fun tick() = time.also { time += 100 }

            CpuClock.isFine(read = { tick() / step * step }, time = ::tick) shouldBe isFine
        }
    }

    test("one long step of a fine clock does not count") {
        var time = 0L
        var reads = 0

        fun read(): Long {
            time += if (++reads == 2) 5_000_000 else 100
            return time
        }

        CpuClock.isFine(::read, time = { time }) shouldBe true
    }

    test("the measurement of a clock that stands still ends") {
        var time = 0L

        CpuClock.isFine(read = { 0 }, time = { time.also { time += 1_000_000 } }) shouldBe false
    }
})
