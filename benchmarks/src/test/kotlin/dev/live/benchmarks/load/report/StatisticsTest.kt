package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.generator.LoadResult
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain

class StatisticsTest :
    FunSpec({
        test("the median of an odd, an even and an empty list") {
            listOf(9.0, 1.0, 5.0).median() shouldBe 5.0
            listOf(4.0, 1.0, 3.0, 2.0).median() shouldBe 2.5
            emptyList<Double>().median() shouldBe null
        }

        test("a ratio compares servers within a round, so a slower machine does not change it") {
            val records =
                listOf(
                    record("live", 1, 200.0),
                    record("netty-flush", 1, 100.0),
                    record("live", 2, 20.0),
                    record("netty-flush", 2, 10.0),
                    record("live", 3, 60.0),
                )

            val samples = Samples.of(records) { it.result.deliveriesPerSecond }

            samples.ratio("live", "netty-flush") shouldBe 2.0
            samples.ratio("live", "bun") shouldBe null
        }

        test("a failed result is excluded and listed") {
            val failed = record("live", 2, 0.0).let { it.copy(result = it.result.copy(failure = "connection lost")) }
            val table = ThroughputTable(listOf(record("live", 1, 100.0), failed)).render()

            table shouldContain "| live | 100 | 100 – 100 |"
            table shouldContain "- live, round 2: failed: connection lost"
        }

        test("the longest bar fills the chart, and labels are escaped") {
            val svg = barChart("a < b", listOf(Bar("x", 10.0, "10", isOurs = true), Bar("y", 5.0, "5", isOurs = false)))

            svg shouldContain """width="440" height="18" rx="2" class="ours""""
            svg shouldContain """width="220" height="18" rx="2" class="other""""
            svg shouldNotContain "a < b"
        }

        test("parses variants as names with commands") {
            parseVariants("g1=java -XX:+UseG1GC;z=/opt/java -XX:+UseZGC") shouldBe
                mapOf("g1" to listOf("java", "-XX:+UseG1GC"), "z" to listOf("/opt/java", "-XX:+UseZGC"))
        }
    })

private fun record(server: String, round: Int, rate: Double): Record {
    val result = LoadResult("fanout", "plain", subscribers = 1, topics = 1, payload = 128, deliveriesPerSecond = rate)
    return Record(round, "fanout-1000-8", server, result)
}
