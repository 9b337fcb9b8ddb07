package dev.live.benchmarks.load.generator

import dev.live.benchmarks.load.peer.FlushEach
import dev.live.benchmarks.load.peer.runNettyPeer
import dev.live.benchmarks.load.report.Processes
import dev.live.benchmarks.load.server.NettyLoop
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import java.net.ConnectException
import java.net.Socket
import java.util.concurrent.Executors
import kotlin.concurrent.thread

class ScenariosTest :
    FunSpec({
        val port = Processes.freePort()

        beforeSpec {
            val handlers = Executors.newFixedThreadPool(4) { Thread(it).apply { isDaemon = true } }
            thread(isDaemon = true) { runNettyPeer("127.0.0.1", port, NettyLoop.NIO, FlushEach, handlers) }
            while (!isListening(port)) Thread.sleep(10)
        }

        test("several publishers publish to one topic, and all deliveries are checked") {
            val result = run(port, "fanout", publishers = 2)

            result.publishers shouldBe 2
            result.deliveries shouldBeGreaterThan 0
            result.faults() shouldBe 0
            result.framesPerRead.shouldNotBeNull()
        }

        test("there are at most as many publishers as publishes in flight") {
            run(port, "fanout", publishers = 5).publishers shouldBe 3
        }

        test("messages with a handler that blocks are counted separately") {
            val result = run(port, "blocking")

            result.slow.shouldNotBeNull().count shouldBeGreaterThan 0
            result.deliveries shouldBeGreaterThan result.slow.count
            result.faults() shouldBe 0
        }

        test("a server without requests answers them as echoes") {
            run(port, "request").deliveries shouldBeGreaterThan 0
        }
    })

private fun run(port: Int, scenario: String, publishers: Int = 1): LoadResult =
    Scenarios(
        LoadPlan(
            scenario,
            port,
            "127.0.0.1",
            "plain",
            subscribers = 4,
            inflight = 3,
            publishers = publishers,
            blockEvery = 3,
            warmup = 0.1,
            seconds = 0.5,
        ),
    ).run().single()

private fun LoadResult.faults() = lost + duplicates + outOfOrder

private fun isListening(port: Int): Boolean =
    try {
        Socket("127.0.0.1", port).close()
        true
    } catch (_: ConnectException) {
        false
    }
