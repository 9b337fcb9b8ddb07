package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.generator.LoadResult
import dev.live.benchmarks.load.generator.MemoryGrowth
import dev.live.benchmarks.load.generator.SlowMessages
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.collections.shouldNotContain
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain

class GoalTableTest :
    FunSpec({
        test("a fan-out meets its goal by throughput or by CPU time") {
            val bun = record("bun", Case.FANOUT_SINGLY, rate = 100.0, cpu = 1.0)

            goals(bun, record("live", Case.FANOUT_SINGLY, rate = 160.0, cpu = 0.9)) shouldContain
                "| live | 1.60, CPU 0.90 | yes |"
            goals(bun, record("live", Case.FANOUT_SINGLY, rate = 110.0, cpu = 0.6)) shouldContain
                "| live | 1.10, CPU 0.60 | yes |"
            goals(bun, record("live", Case.FANOUT_SINGLY, rate = 110.0, cpu = 0.7)) shouldContain
                "| live | 1.10, CPU 0.70 | no |"
        }

        test("an echo is compared with raw Netty on the same event loop") {
            val records =
                arrayOf(
                    record("netty-flush", Case.ECHO, cpu = 8.0),
                    record("netty-flush-io_uring", Case.ECHO, cpu = 4.0),
                    record("live-io_uring", Case.ECHO, cpu = 6.0),
                    record("live-default-io_uring", Case.ECHO, cpu = 6.0),
                )

            goals(*records) shouldContain
                "Echo, in place: CPU × netty-flush on the same loop: at most 1.15 | live-io_uring | 1.50 | no |"
            goals(*records) shouldContain "at most 1.5 | live-default-io_uring | 1.50 | yes |"
        }

        test("the growth with the number of subscribers is a ratio within a round") {
            val records =
                listOf(1 to 1.0, 2 to 3.0).flatMap { (round, factor) ->
                    listOf(
                        record("live", Case.FANOUT, cpu = factor, round = round),
                        record("live", Case.FANOUT_MANY, cpu = 1.2 * factor, round = round),
                    )
                }

            goals(*records.toTypedArray()) shouldContain "| live | 1.20 | yes |"
        }

        test("blocking handlers and memory have absolute goals") {
            val blocking = record("live-default", Case.BLOCKING).run { copy(result = result.copy(p99 = 5_500.0)) }
            val idle = record("live", Case.IDLE).run { copy(result = result.copy(memory = MemoryGrowth(10, 36_000))) }

            goals(blocking, idle) shouldContain "below 5 ms | live-default | 5.50 | no |"
            goals(blocking, idle) shouldContain "bytes of heap: at most 3,600 | live | 3,600 | yes |"
        }

        test("without results of live there are no goals") {
            goals(record("bun", Case.FANOUT)) shouldBe ""
        }

        test("a JVM variant is compared with the same variant of JVM servers, and with Bun") {
            Bases.baseOf("netty-flush", "live-io_uring@g1") shouldBe "netty-flush-io_uring@g1"
            Bases.baseOf("bun", "live@g1") shouldBe "bun"
        }

        test("a table has columns for the measured bases only, and the frames per read") {
            val records = listOf(record("live", Case.TOPICS), record("bun", Case.TOPICS))

            val table = ThroughputTable(records).render()

            table shouldContain "| × bun | CPU s per million | CPU × bun | frames per read |"
            table shouldNotContain "netty"
            table shouldNotContain "not quiet"
        }

        test("a disturbed result is listed") {
            val record = record("live", Case.TOPICS).run { copy(result = result.copy(otherCpu = 0.5, steal = 0.0)) }

            ThroughputTable(listOf(record)).render() shouldContain
                "- live, round 1: other processes used 0.50 cores"
        }

        test("the latencies of blocking handlers are separate") {
            val record =
                record("live-default", Case.BLOCKING).run {
                    copy(result = result.copy(p50 = 300.0, p99 = 900.0, slow = SlowMessages(10, 51_000.0)))
                }

            LatencyTable(listOf(record), isBlocking = true).render() shouldContain "| live-default | 0.30 | 0.90 |"
            LatencyTable(listOf(record), isBlocking = true).render() shouldContain "| 51.00 |"
        }

        test("every suite has cases that exist, with live and a peer") {
            for (suite in Suite.entries) {
                (suite.cases - Case.ALL.map { it.name }.toSet()).shouldBeEmpty()
                for (case in Case.ALL.filter { it.name in suite.cases }) {
                    val (ours, peers) = suite.servers(case).map(Server::named).partition { isOurs(it.name) }
                    ours.shouldNotBeEmpty()
                    peers.shouldNotBeEmpty()
                }
            }
            val fanout = Case.ALL.first { it.name == Case.FANOUT }
            fanout.servers shouldContain "spring-stomp"
            Suite.FANOUT.servers(fanout) shouldNotContain "spring-stomp"
        }
    })

private fun goals(vararg records: Record): String = GoalTable(records.asList()).render()

private fun record(server: String, case: String, rate: Double = 1.0, cpu: Double = 1.0, round: Int = 1): Record {
    val result =
        LoadResult(
            "any",
            "plain",
            subscribers = 1,
            topics = 1,
            payload = 128,
            deliveriesPerSecond = rate,
            serverCpuPerMillion = cpu,
        )
    return Record(round, case, server, result)
}
