package dev.live.benchmarks.load

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.shouldBeLessThan
import io.kotest.matchers.longs.shouldBeGreaterThanOrEqual
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll

class LatencyHistogramTest :
    FunSpec({
        test("percentiles match the records") {
            val histogram = LatencyHistogram()
            for (i in 1..100) histogram.record(i.toLong())

            histogram.percentile(0.5) shouldBe 50
            histogram.percentile(0.99) shouldBe 99
            histogram.percentile(1.0) shouldBe 100
        }

        test("a value is never reported smaller, and at most 1.6 % larger") {
            checkAll(Arb.long(0..Long.MAX_VALUE / 2)) { value ->
                val histogram = LatencyHistogram()

                histogram.record(value)

                val reported = histogram.percentile(0.5)
                reported shouldBeGreaterThanOrEqual value
                (reported - value).toDouble() / value.coerceAtLeast(1) shouldBeLessThan 0.016
            }
        }

        test("an empty histogram returns zero") {
            LatencyHistogram().percentile(0.99) shouldBe 0
        }
    })
