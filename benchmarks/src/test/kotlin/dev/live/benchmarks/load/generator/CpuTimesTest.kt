package dev.live.benchmarks.load.generator

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class CpuTimesTest :
    FunSpec({
        test("busy is the time of processes, without idle time and interrupts") {
            CpuTimes.parse("cpu  1000 200 300 99999 888 11 22 50 7 0") shouldBe CpuTimes(busy = 15.0, steal = 0.5)
        }

        test("old kernels have no steal") {
            CpuTimes.parse("cpu  100 0 0 500 0 0 0") shouldBe CpuTimes(busy = 1.0, steal = 0.0)
        }
    })
