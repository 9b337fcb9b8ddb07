package dev.live.redis

import dev.live.protocol.Position
import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.texts
import dev.live.redis.support.withNodes
import dev.live.server.broker.BrokerSink
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

class RedisNodesTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    test("a publication reaches both nodes at the same position") {
        val namespace = newNamespace()
        val a = TestNode(redis.url, namespace)
        val b = TestNode(redis.url, namespace)
        withNodes(a, b) {
            val start = a.broker.subscribe("t", BOUNDS)
            b.broker.subscribe("t", BOUNDS) shouldBe start

            val position = a.publish("t", "hello")

            listOf(a.next(), b.next()).map { it.second } shouldContainExactly listOf(position, position)
        }
    }

    test("publications of two nodes have one order, and each node receives all of them") {
        val namespace = newNamespace()
        val nodes = List(2) { TestNode(redis.url, namespace) }
        withNodes(*nodes.toTypedArray()) {
            val start = nodes.map { it.broker.subscribe("t", BOUNDS).shouldNotBeNull() }.first()

            val positions =
                nodes
                    .flatMapIndexed { index, node ->
                        List(10) { publisher ->
                            async { List(50) { "$index $publisher $it" to node.publish("t", "$index $publisher $it") } }
                        }
                    }.awaitAll()
                    .flatten()

            val received = nodes.map { node -> List(1_000) { node.next().second.shouldNotBeNull() } }
            received[0] shouldContainExactly List(1_000) { Position(start.epoch, it + 1L) }
            received[1] shouldContainExactly received[0]
            nodes[1].history("t", start).texts() shouldContainExactly
                positions.sortedBy { it.second!!.offset }.map { it.first }
        }
    }

    test("namespaces and databases do not share topics") {
        val namespace = newNamespace()
        val a = TestNode(redis.url, namespace)
        val others = arrayOf(TestNode(redis.url, newNamespace()), TestNode("${redis.url}/1", namespace))
        withNodes(a, *others) {
            for (other in others) other.broker.subscribe("t", history = null)
            a.publish("t", "a", history = null)
            a.publish("t", "a")

            for (other in others) {
                other.publish("t", "own", history = null)
                other.nextText() shouldBe "own"
                other.history("t", since = null).position.offset shouldBe 0
            }
        }
    }

    test("a channel is unsubscribed after the linger, and only if its topic is not used again") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace) { linger = 50.milliseconds }
        withNodes(node) {
            for (topic in listOf("again", "unused")) {
                node.broker.subscribe(topic, history = null)
                node.broker.unsubscribe(topic)
            }
            node.broker.subscribe("again", history = null)

            withTimeout(HANG_TIMEOUT) { while (redis.channels(namespace).size > 1) delay(10.milliseconds) }

            redis.channels(namespace) shouldContainExactly listOf("live:$namespace:0/again")
            node.publish("unused", "dropped", history = null)
            node.publish("again", "received", history = null)
            node.nextText() shouldBe "received"
        }
    }

    test("a topic that is used again during the linger keeps its channel") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace) { linger = 5.minutes }
        withNodes(node) {
            node.broker.subscribe("t", history = null)
            node.broker.unsubscribe("t")

            redis.channels(namespace) shouldHaveSize 1
        }
    }

    test("thousands of topics are subscribed to in few commands") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            val before = redis.calls("subscribe")

            List(3_000) { async { node.broker.subscribe("topic$it", history = null) } }.awaitAll()

            redis.channels(namespace) shouldHaveSize 3_000
            (3_000 - (redis.calls("subscribe") - before)) shouldBeGreaterThan 1_500
        }
    }

    test("a cancelled subscribe leaves no channel") {
        val namespace = newNamespace()
        val node = TestNode("redis://127.0.0.1:1", namespace)
        withNodes(node) {
            val subscribing = async { node.broker.subscribe("t", history = null) }
            delay(20.milliseconds)

            subscribing.cancel()
            subscribing.join()

            subscribing.isCancelled shouldBe true
        }
    }

    test("the end of a broker ends its threads and connections, and fails waiting publishers") {
        val node = TestNode("redis://127.0.0.1:1", newNamespace())
        val used = TestNode(redis.url, newNamespace())
        coroutineScope {
            val waiting = async { runCatching { node.publish("t", "waits") } }
            yield()
            withNodes(node, used) { used.publish("t", "x") }

            val failure = waiting.await().exceptionOrNull().shouldBeInstanceOf<RedisBrokerException.Unavailable>()
            failure.reason shouldBe "the broker has ended, because the server has"
        }
        withTimeout(HANG_TIMEOUT) { while (lettuceThreads() > 0) delay(10.milliseconds) }
        shouldThrow<RedisBrokerException.Unavailable> { used.publish("t", "late") }
    }

    test("a foreign message on a channel is dropped, and the next publication is delivered") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            node.broker.subscribe("t", BOUNDS)
            redis.command("PUBLISH", "live:$namespace:0/t", "foreign")
            redis.command("PUBLISH", "live:$namespace:0/t", "epoch:1\nL")

            node.publish("t", "valid")

            node.nextText() shouldBe "valid"
            node.tryNextText().shouldBeNull()
        }
    }

    test("a caller without a dispatcher does not continue in Redis's event loop") {
        val node = TestNode(redis.url, newNamespace())
        withNodes(node) {
            val threads =
                withContext(Dispatchers.Unconfined) {
                    val position = node.broker.subscribe("t", BOUNDS)
                    val subscribed = Thread.currentThread().name
                    node.history("t", position)
                    listOf(subscribed, Thread.currentThread().name)
                }

            threads.filter { it.startsWith("lettuce") }.shouldBeEmpty()
        }
    }

    test("a server that is slow to repair its topics after a reconnect does not delay new subscriptions") {
        val node = TestNode(redis.url, newNamespace())
        val slow =
            object : BrokerSink by node {
                override suspend fun interrupted(topic: String?) {
                    node.interrupted(topic)
                    awaitCancellation()
                }
            }
        coroutineScope {
            val running = launch(start = CoroutineStart.UNDISPATCHED) { node.broker.run(slow) }
            node.broker.subscribe("old", history = null)
            redis.command("CLIENT", "KILL", "TYPE", "pubsub")
            node.nextInterruption() shouldBe TestNode.ALL

            withTimeout(HANG_TIMEOUT) { node.broker.subscribe("new", history = null) }

            node.publish("new", "received", history = null)
            node.nextText() shouldBe "received"
            running.cancelAndJoin()
        }
    }
})

private fun RedisServer.channels(namespace: String): List<Any?> =
    command("PUBSUB", "CHANNELS", "live:$namespace:*") as List<*>

private fun RedisServer.calls(command: String): Long =
    Regex("cmdstat_$command:calls=(\\d+)")
        .find(command("INFO", "commandstats").toString())
        ?.groupValues
        ?.get(1)
        ?.toLong() ?: 0

private fun lettuceThreads(): Int = Thread.getAllStackTraces().keys.count { it.name.startsWith("lettuce") }
