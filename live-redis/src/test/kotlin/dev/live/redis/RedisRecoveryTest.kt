package dev.live.redis

import dev.live.protocol.Position
import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.texts
import dev.live.redis.support.withNodes
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class RedisRecoveryTest : FunSpec({

    test("after CLIENT KILL the node subscribes again, and reports that publications may be lost") {
        RedisServer().use { redis ->
            val namespace = newNamespace()
            val node = TestNode(redis.url, namespace)
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                val first = node.publish("t", "a").shouldNotBeNull()
                node.nextText() shouldBe "a"

                redis.command("CLIENT", "KILL", "TYPE", "pubsub")

                node.nextInterruption() shouldBe TestNode.ALL
                node.publish("t", "b")
                node.nextText() shouldBe "b"
                node.history("t", first).texts() shouldContainExactly listOf("b")
            }
        }
    }

    test("a cut link delays publications, and what other nodes published meanwhile is in the history") {
        RedisServer().use { redis ->
            TcpProxy(redis.port).use { proxy ->
                val namespace = newNamespace()
                val cut = TestNode(proxy.url, namespace)
                val other = TestNode(redis.url, namespace)
                withNodes(cut, other) {
                    val start = cut.broker.subscribe("t", BOUNDS).shouldNotBeNull()
                    proxy.cut()
                    val delayed = async { cut.publish("t", "delayed") }
                    other.publish("t", "missed")
                    delayed.isCompleted shouldBe false

                    proxy.restore()

                    delayed.await() shouldBe Position(start.epoch, 2)
                    cut.nextInterruption() shouldBe TestNode.ALL
                    cut.history("t", start).texts() shouldContainExactly listOf("missed", "delayed")
                }
            }
        }
    }

    test("a link that stalls without being closed is detected and replaced") {
        RedisServer().use { redis ->
            TcpProxy(redis.port).use { proxy ->
                val node = TestNode(proxy.url, newNamespace())
                withNodes(node) {
                    node.broker.subscribe("t", BOUNDS)
                    node.publish("t", "a")
                    proxy.isStalled = true
                    val delayed = async { node.publish("t", "b") }
                    // both connections: they stay stalled, and only new ones can deliver
                    withTimeout(HANG_TIMEOUT) { while (proxy.stalledConnections.get() < 2) delay(5.milliseconds) }
                    proxy.isStalled = false

                    delayed.await().shouldNotBeNull().offset shouldBe 2
                    node.nextInterruption() shouldBe TestNode.ALL
                }
            }
        }
    }

    test("while Redis is stopped by a signal, publications wait, and are stored once when it continues") {
        RedisServer().use { redis ->
            val node = TestNode(redis.url, newNamespace()) { timeout = 1.minutes }
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                val first = node.publish("t", "0").shouldNotBeNull()
                redis.pause()
                val waiting = async { List(3) { node.publish("t", "${it + 1}") } }
                delay(1_500.milliseconds) // longer than probeTimeout: the batch is sent again on new connections
                redis.resume()

                waiting.await().map { it!!.offset } shouldContainExactly listOf(2L, 3L, 4L)
                node.history("t", first).texts() shouldContainExactly listOf("1", "2", "3")
            }
        }
    }

    test("a restart without persistence begins a new epoch, and nobody recovers from the old one") {
        RedisServer().use { redis ->
            val node = TestNode(redis.url, newNamespace())
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                val before = List(5) { node.publish("t", "$it").shouldNotBeNull() }

                redis.kill()
                redis.start()

                node.nextInterruption() shouldBe TestNode.ALL
                val after = node.publish("t", "new").shouldNotBeNull()
                (after.epoch == before[0].epoch) shouldBe false
                after.offset shouldBe 1
                for (position in before) node.history("t", position).isComplete shouldBe false
            }
        }
    }

    test("a restart with persistence begins a new epoch that continues the old one") {
        RedisServer(isPersistent = true).use { redis ->
            val node = TestNode(redis.url, newNamespace())
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                val before = List(5) { node.publish("t", "$it").shouldNotBeNull() }

                redis.kill()
                redis.start()
                val after = node.publish("t", "new").shouldNotBeNull()

                (after.epoch == before[0].epoch) shouldBe false
                after.offset shouldBe 6
                val read = node.history("t", before[2])
                read.isComplete shouldBe true
                read.position shouldBe after
                read.texts() shouldContainExactly listOf("3", "4", "new")
                read.continues shouldBe before.last()
                // a client that has seen an offset which the old epoch had never reached
                node.history("t", Position(before[0].epoch, 6)).isComplete shouldBe false
            }
        }
    }

    test("several restarts with persistence are still one sequence") {
        RedisServer(isPersistent = true).use { redis ->
            val node = TestNode(redis.url, newNamespace())
            withNodes(node) {
                val positions =
                    List(4) { round ->
                        if (round > 0) {
                            redis.kill()
                            redis.start()
                        }
                        node.publish("t", "$round").shouldNotBeNull()
                    }

                positions.map { it.epoch }.toSet().size shouldBe 4
                for ((index, position) in positions.withIndex()) {
                    val read = node.history("t", position)
                    read.isComplete shouldBe true
                    read.texts() shouldContainExactly (index + 1..3).map { "$it" }
                    // the offset is newer than the end of its epoch
                    if (index < 3) node.history("t", Position(position.epoch, 4)).isComplete shouldBe false
                }
            }
        }
    }

    test("a confirmed publication that a restart has lost makes every position of its epoch a gap") {
        RedisServer(isPersistent = true).use { redis ->
            val namespace = newNamespace()
            val node = TestNode(redis.url, namespace)
            withNodes(node) {
                val first = node.publish("t", "kept").shouldNotBeNull()
                node.publish("t", "lost").shouldNotBeNull()
                redis.loseLast(namespace, kept = 1)

                node.publish("t", "next").shouldNotBeNull().offset shouldBe 2

                node.history("t", first).isComplete shouldBe false
            }
        }
    }

    test("a confirmed publication that was lost two restarts ago makes every position of its epoch a gap") {
        RedisServer(isPersistent = true).use { redis ->
            val namespace = newNamespace()
            val publisher = TestNode(redis.url, namespace)
            val other = TestNode(redis.url, namespace)
            withNodes(publisher, other) {
                val first = publisher.publish("t", "kept").shouldNotBeNull()
                publisher.publish("t", "lost").shouldNotBeNull()
                redis.loseLast(namespace, kept = 1)
                val second = other.publish("t", "between").shouldNotBeNull()
                redis.restartUnseen(namespace)

                val third = publisher.publish("t", "next").shouldNotBeNull()

                listOf(first, second, third).map { it.epoch }.toSet().size shouldBe 3
                publisher.history("t", first).isComplete shouldBe false
                publisher.history("t", second).texts() shouldContainExactly listOf("next")
            }
        }
    }

    test("a master that becomes a replica is not used until it is a master again") {
        RedisServer().use { redis ->
            RedisServer().use { other ->
                val node = TestNode(redis.url, newNamespace()) { timeout = 2.seconds }
                withNodes(node) {
                    eventually(HANG_TIMEOUT) { node.publish("t", "a") }
                    node.broker.subscribe("t", BOUNDS)
                    node.broker.subscribe("plain", history = null)

                    redis.command("REPLICAOF", "127.0.0.1", "${other.port}")
                    for ((topic, bounds) in listOf("t" to BOUNDS, "plain" to null)) {
                        eventually(HANG_TIMEOUT) {
                            shouldThrow<RedisBrokerException.Unavailable> { node.publish(topic, "x", bounds) }
                                .reason shouldContain "is a replica"
                        }
                    }
                    redis.command("REPLICAOF", "NO", "ONE")
                    val after = eventually(HANG_TIMEOUT) { node.publish("t", "b").shouldNotBeNull() }

                    node.history("t", since = null).position shouldBe after
                }
            }
        }
    }

    for ((lost, older) in listOf("normal" to "subscription", "pubsub" to "command")) {
        test("if the new one of two connections leads to another server, the older $older connection follows it") {
            RedisServer().use { first ->
                RedisServer().use { second ->
                    TcpProxy(first.port).use { proxy ->
                        val node = TestNode(proxy.url, newNamespace())
                        withNodes(node) {
                            node.broker.subscribe("t", history = null)
                            node.publish("t", "before", history = null)
                            node.nextText() shouldBe "before"

                            proxy.targetPort = second.port
                            first.command("CLIENT", "KILL", "TYPE", lost)

                            node.nextInterruption() shouldBe TestNode.ALL
                            eventually(HANG_TIMEOUT) {
                                runCatching { node.publish("t", "after", history = null) }
                                node.tryNextText() shouldBe "after"
                            }
                        }
                    }
                }
            }
        }
    }

    test("FLUSHALL begins a new epoch") {
        RedisServer().use { redis ->
            val node = TestNode(redis.url, newNamespace())
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                val before = node.publish("t", "a").shouldNotBeNull()
                node.nextText() shouldBe "a"

                redis.command("FLUSHALL")
                val after = node.publish("t", "b").shouldNotBeNull()

                (after.epoch == before.epoch) shouldBe false
                node.next().second shouldBe after
                node.history("t", before).isComplete shouldBe false
            }
        }
    }

    test("a deleted stream is a gap only for clients that are behind") {
        RedisServer().use { redis ->
            val namespace = newNamespace()
            val node = TestNode(redis.url, namespace)
            withNodes(node) {
                val first = node.publish("t", "a").shouldNotBeNull()
                val last = node.publish("t", "b").shouldNotBeNull()

                redis.command("DEL", "live:$namespace:{t:t}:stream")

                node.history("t", first).isComplete shouldBe false
                node.history("t", last).isComplete shouldBe true
                node.publish("t", "c").shouldNotBeNull().offset shouldBe 3
                node.history("t", last).texts() shouldContainExactly listOf("c")
            }
        }
    }

    test("thousands of topics are subscribed to again after a reconnect") {
        RedisServer().use { redis ->
            val node = TestNode(redis.url, newNamespace())
            withNodes(node) {
                List(2_000) { async { node.broker.subscribe("topic$it", history = null) } }.forEach { it.await() }

                redis.command("CLIENT", "KILL", "TYPE", "pubsub")
                node.nextInterruption()

                repeat(2_000) { node.publish("topic$it", "$it", history = null) }
                List(2_000) { node.nextText() } shouldContainExactly List(2_000) { "$it" }
            }
        }
    }
})

/** The state after a restart with an outdated file: that of the topic `t` after its first [kept] publications. */
private fun RedisServer.loseLast(namespace: String, kept: Int) {
    command("XDEL", "live:$namespace:{t:t}:stream", "${kept + 1}-0")
    command("XSETID", "live:$namespace:{t:t}:stream", "$kept-0")
    command("HSET", "live:$namespace:{t:t}:meta", "o", "$kept")
    restartUnseen(namespace)
}

/** The state after a restart, without closing the connections. */
private fun RedisServer.restartUnseen(namespace: String) {
    command("HSET", "live:$namespace:{t:t}:meta", "r", "another")
}
