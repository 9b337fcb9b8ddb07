package dev.live.redis

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.texts
import dev.live.redis.support.withNodes
import dev.live.server.broker.BrokerState
import dev.live.server.broker.WhileBrokerAway.DeliverLocally
import dev.live.server.broker.WhileBrokerAway.Wait
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

class WhileBrokerAwayTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    test("a publication that waits is delivered when Redis is back, long after the timeout of others") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace()) { timeout = 200.milliseconds }
            withNodes(node) {
                val start = eventually(HANG_TIMEOUT) { node.broker.subscribe("t", BOUNDS).shouldNotBeNull() }
                node.broker.subscribe("plain", history = null)
                proxy.cut()
                node.awaitAway()
                val waiting = async { node.publish("t", "waits", whileBrokerAway = Wait) }
                val plain = async { node.publish("plain", "waits", history = null, whileBrokerAway = Wait) }
                repeat(3) { shouldThrow<RedisBrokerException.Unavailable> { node.publish("t", "fails") } }
                listOf(waiting, plain).count { it.isCompleted } shouldBe 0

                proxy.restore()

                waiting.await().shouldNotBeNull().epoch shouldBe start.epoch
                plain.await().shouldBeNull()
                node.history("t", start).texts() shouldBe listOf("waits")
            }
        }
    }

    test("more publications than the outbox accepts wait for a place, and none is lost") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace()) {
                timeout = 200.milliseconds
                outboxMessages = 2
            }
            proxy.cut()
            withNodes(node) {
                val waiting = List(20) { async { node.publish("t", "$it", whileBrokerAway = Wait) } }
                eventually(HANG_TIMEOUT) { node.broker.status.outbox shouldBe 2 }
                shouldThrow<RedisBrokerException.Unavailable> { node.publish("t", "fails") }.reason shouldContain
                    "the outbox for Redis was full"

                proxy.restore()

                waiting.awaitAll().map { it!!.offset } shouldContainExactlyInAnyOrder (1L..20L).toList()
                node.broker.status.outbox shouldBe 0
            }
        }
    }

    test("a cancelled publisher that waits leaves its place in the outbox") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace()) { outboxMessages = 1 }
            proxy.cut()
            withNodes(node) {
                repeat(3) {
                    val waiting = async { node.publish("t", "cancelled", whileBrokerAway = Wait) }
                    delay(10.milliseconds)
                    waiting.cancelAndJoin()
                }
                val waiting = async { node.publish("t", "waits", whileBrokerAway = Wait) }

                proxy.restore()

                waiting.await().shouldNotBeNull().offset shouldBe 1
            }
        }
    }

    test("a local delivery reaches this node at once, and is a gap on all nodes when Redis is back") {
        TcpProxy(redis.port).use { proxy ->
            val namespace = newNamespace()
            val cut = TestNode(proxy.url, namespace) { timeout = 300.milliseconds }
            val other = TestNode(redis.url, namespace)
            withNodes(cut, other) {
                for (node in listOf(cut, other)) {
                    node.broker.subscribe("t", BOUNDS)
                    node.broker.subscribe("plain", history = null)
                }
                val before = eventually(HANG_TIMEOUT) { cut.publish("t", "before").shouldNotBeNull() }
                listOf(cut, other).forEach { it.nextText() shouldBe "before" }
                proxy.cut()
                cut.awaitAway()
                for ((topic, bounds) in listOf("t" to BOUNDS, "plain" to null)) {
                    cut.publish(topic, "local to $topic", bounds, DeliverLocally).shouldBeNull()
                    val (publication, position) = cut.next()
                    publication.topic shouldBe topic
                    position.shouldBeNull()
                }
                val meanwhile = other.publish("t", "meanwhile").shouldNotBeNull()
                meanwhile.epoch shouldBe before.epoch

                proxy.restore()

                // the other node has lost no connection: only the report interrupts its topics
                List(2) { other.nextInterruption() } shouldContainExactlyInAnyOrder listOf("t", "plain")
                for (position in listOf(before, meanwhile)) other.history("t", position).isComplete shouldBe false
                val after = eventually(HANG_TIMEOUT) { cut.publish("t", "after").shouldNotBeNull() }
                (after.epoch == before.epoch) shouldBe false
                after.offset shouldBe meanwhile.offset + 1
                other.history("t", since = null).texts() shouldBe listOf("before", "meanwhile", "after")
            }
        }
    }

    test("a short loss of the connection is no local delivery") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace) { timeout = 1.minutes }
        withNodes(node) {
            val before = node.publish("t", "before", whileBrokerAway = DeliverLocally).shouldNotBeNull()

            redis.command("CLIENT", "KILL", "TYPE", "normal")

            val after = node.publish("t", "after", whileBrokerAway = DeliverLocally).shouldNotBeNull()
            after.epoch shouldBe before.epoch
            node.history("t", before).isComplete shouldBe true
        }
    }

    test("a publication that Redis rejects, or that is too large, is not delivered locally") {
        RedisServer().use { own ->
            val node = TestNode(own.url, newNamespace()) { outboxBytes = 1_000 }
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                node.publish("t", "a")
                node.nextText() shouldBe "a"
                own.command("CONFIG", "SET", "maxmemory", "1mb")

                shouldThrow<RedisBrokerException.Unavailable> {
                    node.publish("t", "rejected", whileBrokerAway = DeliverLocally)
                }.reason shouldContain "has reached its maxmemory"
                shouldThrow<LiveException> {
                    node.publish("t", "x".repeat(1_001), whileBrokerAway = DeliverLocally)
                }.code shouldBe ErrorCode.TooLarge
                own.command("CONFIG", "SET", "maxmemory", "0")
                node.publish("t", "b")

                node.nextText() shouldBe "b"
            }
        }
    }

    test("the topics with local deliveries are bounded, and the others fail") {
        val node = TestNode("redis://127.0.0.1:1", newNamespace()) {
            timeout = 50.milliseconds
            outboxMessages = 2
        }
        withNodes(node) {
            for (topic in listOf("a", "b", "a")) {
                node.publish(topic, "local", whileBrokerAway = DeliverLocally).shouldBeNull()
            }

            val failure =
                shouldThrow<RedisBrokerException.Unavailable> {
                    node.publish("c", "one too many", whileBrokerAway = DeliverLocally)
                }

            failure.reason shouldContain "2 topics (outboxMessages)"
        }
    }

    test("a report that Redis rejects is repeated until it succeeds") {
        RedisServer().use { own ->
            TcpProxy(own.port).use { proxy ->
                val node = TestNode(proxy.url, newNamespace()) { timeout = 300.milliseconds }
                withNodes(node) {
                    val before = eventually(HANG_TIMEOUT) { node.publish("t", "before").shouldNotBeNull() }
                    proxy.cut()
                    node.awaitAway()
                    node.publish("t", "local", whileBrokerAway = DeliverLocally).shouldBeNull()
                    own.command("CONFIG", "SET", "maxmemory", "1mb")
                    proxy.restore()
                    eventually(HANG_TIMEOUT) {
                        shouldThrow<RedisBrokerException.Unavailable> { node.publish("t", "rejected") }
                            .reason shouldContain "has reached its maxmemory"
                    }
                    own.command("CONFIG", "SET", "maxmemory", "0")

                    eventually(HANG_TIMEOUT) {
                        (node.publish("t", "after").shouldNotBeNull().epoch == before.epoch) shouldBe false
                    }
                }
            }
        }
    }
})

/** Until then, a publication may be sent on a connection that has just been lost, which is `Unknown`. */
private suspend fun TestNode.awaitAway() {
    eventually(HANG_TIMEOUT) { broker.status.state shouldBe BrokerState.Away }
    // the state is also that if only the connection for channels was lost so far
    eventually(HANG_TIMEOUT) {
        shouldThrow<RedisBrokerException.Unavailable> { publish("away", "not published", history = null) }
    }
}
