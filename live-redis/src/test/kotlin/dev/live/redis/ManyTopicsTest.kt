package dev.live.redis

import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.withNodes
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.isActive
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import java.net.InetAddress
import java.net.Socket
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.TimeSource

/** With `-Dlive.redis.topics=100000` also a measurement: it prints times and memory. */
class ManyTopicsTest : FunSpec({
    val count = System.getProperty("live.redis.topics", "10000").toInt()

    test("$count topics are subscribed to again after a reconnect, while Redis serves other clients") {
        RedisServer().use { redis ->
            // no failed probe on a busy machine: it would be another reconnect
            val node = TestNode(redis.url, newNamespace()) { probeTimeout = 1.minutes }
            withNodes(node) {
                node.broker.subscribe("first", history = null)
                val heap = usedHeap()
                val memory = redis.info("memory", "used_memory")
                for (part in (0 until count).chunked(5_000)) {
                    withContext(Dispatchers.Default) {
                        part.map { async { node.broker.subscribe("topic/$it", history = null) } }.awaitAll()
                    }
                }
                redis.info("stats", "pubsub_channels") shouldBe count + 1L
                val heapOfTopic = (usedHeap() - heap) / count
                val memoryOfTopic = (redis.info("memory", "used_memory") - memory) / count
                val idlePing = redis.longestPing { delay(500.milliseconds) }

                redis.command("CLIENT", "KILL", "TYPE", "pubsub")
                val start = TimeSource.Monotonic.markNow()
                var again = Duration.ZERO
                val longestPing =
                    redis.longestPing {
                        withTimeout(HANG_TIMEOUT) {
                            while (redis.info("stats", "pubsub_channels") < count + 1) delay(5.milliseconds)
                        }
                        again = start.elapsedNow()
                    }

                node.nextInterruption() shouldBe TestNode.ALL
                node.publish("topic/${count - 1}", "last", history = null)
                node.nextText() shouldBe "last"
                println(
                    "$count topics: subscribed again $again after the loss of the connection, longest PING of " +
                        "another client meanwhile $longestPing (idle $idlePing), bytes per topic: " +
                        "node $heapOfTopic, Redis $memoryOfTopic",
                )
            }
        }
    }
})

private fun usedHeap(): Long {
    repeat(3) { System.gc() }
    return Runtime.getRuntime().run { totalMemory() - freeMemory() }
}

private fun RedisServer.info(section: String, field: String): Long =
    command("INFO", section).toString().lines().first { it.startsWith("$field:") }.substringAfter(':').trim().toLong()

/** The longest time between PING and its answer during [block], on a connection of its own. */
private suspend fun RedisServer.longestPing(block: suspend () -> Unit): Duration =
    withContext(Dispatchers.IO) {
        Socket(InetAddress.getLoopbackAddress(), port).use { socket ->
            var longest = Duration.ZERO
            val pinging = async {
                while (isActive) {
                    val start = TimeSource.Monotonic.markNow()
                    socket.getOutputStream().write("PING\r\n".toByteArray())
                    check(socket.getInputStream().readNBytes("+PONG\r\n".length).size == "+PONG\r\n".length)
                    longest = maxOf(longest, start.elapsedNow())
                    delay(1.milliseconds)
                }
            }
            block()
            pinging.cancel()
            pinging.join()
            longest
        }
    }
