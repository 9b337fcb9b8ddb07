package dev.live.redis

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Position
import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.texts
import dev.live.redis.support.withNodes
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class RedisPublishTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    test("a batch is stored once if its replies are lost, and its publishers receive its positions") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace())
            withNodes(node) {
                val first = node.publish("t", "first").shouldNotBeNull()
                proxy.dropsReplies = true

                val publishing = List(20) { async { node.publish("t", "$it").shouldNotBeNull() } }
                withTimeout(HANG_TIMEOUT) { while (redis.length("t") < 2) delay(5.milliseconds) }
                proxy.restore()
                proxy.closeAll()
                val positions = publishing.awaitAll()

                val stored = node.history("t", first)
                positions.map { it.offset }.sorted() shouldContainExactly (2L..21L).toList()
                stored.isComplete shouldBe true
                stored.entries.map { it.position } shouldContainExactly positions.sortedBy { it.offset }
                positions.sortedBy { it.offset }.map { position -> "${positions.indexOf(position)}" } shouldBe
                    stored.texts()
            }
        }
    }

    test("a batch that is rejected when it is sent again is unknown, because it was stored the first time") {
        RedisServer().use { own ->
            TcpProxy(own.port).use { proxy ->
                val node = TestNode(proxy.url, newNamespace())
                withNodes(node) {
                    node.publish("t", "first")
                    proxy.dropsReplies = true
                    val publishing = async { runCatching { node.publish("t", "stored") } }
                    withTimeout(HANG_TIMEOUT) { while (own.length("t") < 2) delay(5.milliseconds) }

                    own.command("ACL", "SETUSER", "default", "-evalsha", "-eval")
                    proxy.restore()
                    proxy.closeAll()

                    val failure =
                        publishing.await().exceptionOrNull().shouldBeInstanceOf<RedisBrokerException.Unknown>()
                    failure.reason shouldContain "denies a permission"
                    failure.reason shouldContain "it may be delivered"
                }
            }
        }
    }

    test("publications of a node keep their order, whatever is lost on the way") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace())
            withNodes(node) {
                val faults = async {
                    repeat(12) {
                        delay(60.milliseconds)
                        if (it % 2 == 0) proxy.dropsReplies = true
                        delay(20.milliseconds)
                        proxy.restore()
                        proxy.closeAll()
                    }
                }
                val sent = ArrayList<String>()
                while (faults.isActive) {
                    // concurrent: several publications are in a batch, and several are waiting
                    List(7) { index -> "${sent.size + index}" }
                        .also { sent += it }
                        .map { text -> async { node.publish("t", text).shouldNotBeNull() } }
                        .awaitAll()
                }

                val stored = node.history("t", since = null)

                stored.texts() shouldContainExactly sent
                stored.position.offset shouldBe sent.size.toLong()
            }
        }
    }

    test("a publication that was never sent is unavailable, and is not delivered later") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace()) { timeout = 500.milliseconds }
            proxy.cut()
            withNodes(node) {
                for (history in listOf(BOUNDS, null)) {
                    val failure =
                        shouldThrow<RedisBrokerException.Unavailable> { node.publish("t", "never", history) }
                    failure.code shouldBe ErrorCode.Internal
                    failure.reason shouldContain "Redis was not available for 500ms. "
                }

                proxy.restore()
                publishEventually(node, "later")

                node.history("t", since = null).texts().toSet() shouldBe setOf("later")
            }
        }
    }

    test("a publication is unknown if its reply does not arrive in time") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace()) { timeout = 500.milliseconds }
            withNodes(node) {
                for (history in listOf(BOUNDS, null)) {
                    publishEventually(node, "first")
                    proxy.dropsReplies = true

                    val failure = failureOfSent { node.publish("t", "late", history) }
                    proxy.restore()
                    proxy.closeAll()

                    failure.code shouldBe ErrorCode.Timeout
                    failure.reason shouldContain "the message may be delivered"
                }
            }
        }
    }

    test("a full outbox makes publishers wait, then fail with its bounds") {
        TcpProxy(redis.port).use { proxy ->
            val node = TestNode(proxy.url, newNamespace()) {
                timeout = 2.seconds
                probeTimeout = 1.minutes
                outboxMessages = 1
            }
            withNodes(node) {
                publishEventually(node, "first")
                proxy.dropsReplies = true

                // what was sent keeps its place until Redis answers, although its publisher no longer waits
                val sent = async { failureOfSent { node.publish("t", "sent") } }
                delay(10.milliseconds)
                val full = shouldThrow<RedisBrokerException.Unavailable> { node.publish("t", "waits") }
                sent.await()
                proxy.closeAll()

                full.reason shouldContain "the outbox for Redis was full for 2s (1 messages or 16777216 bytes)"
            }
        }
    }

    test("a message larger than the outbox is rejected at once") {
        val node = TestNode(redis.url, newNamespace()) { outboxBytes = 100 }

        val failure = shouldThrow<LiveException> { node.publish("t", "x".repeat(101)) }

        failure.code shouldBe ErrorCode.TooLarge
        failure.reason shouldContain "more than outboxBytes (100)"
    }

    test("a cancelled publisher leaves its place in the outbox") {
        val node = TestNode("redis://127.0.0.1:1", newNamespace()) { outboxMessages = 1 }
        withNodes(node) {
            repeat(3) {
                val publishing = async { node.publish("t", "cancelled") }
                delay(20.milliseconds)
                publishing.cancel()
                publishing.join()
            }
            val waiting = async { node.publish("t", "waits") }
            delay(20.milliseconds)

            waiting.isCompleted shouldBe false
            waiting.cancel()
        }
    }

    test("the script is sent again after Redis has forgotten it") {
        val node = TestNode(redis.url, newNamespace())
        withNodes(node) {
            node.publish("t", "a")
            redis.command("SCRIPT", "FLUSH")

            node.publish("t", "b")

            redis.command("SCRIPT", "FLUSH")
            node.history("t", since = null).texts() shouldContainExactly listOf("a", "b")
        }
    }

    test("a topic without a history has no keys in Redis") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            node.broker.subscribe("t", history = null)
            node.publish("t", "a", history = null)

            node.nextText() shouldBe "a"
            redis.keys().filter { ":$namespace:{t:t}" in it }.shouldBeEmpty()
        }
    }

    test("the keys of a topic expire") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            node.publish("t", "a")

            val keys = redis.keys().filter { ":$namespace:{t:t}" in it }
            keys shouldHaveSize 3
            keys.count { redis.command("PTTL", it) == -1L } shouldBe 0
        }
    }

    test("the bytes of a history are bounded") {
        val bounds = HistoryBounds(size = 100_000, age = 1.hours, bytes = 20_000)
        val node = TestNode(redis.url, newNamespace())
        withNodes(node) {
            repeat(500) { node.broker.publish(Publication("t", Body.bytes(ByteArray(1_000)), history = bounds)) }

            val stored = node.broker.history("t", since = null, bounds)

            stored.entries.size shouldBeLessThan 24
            stored.position.offset shouldBe 500
        }
    }

    test("messages beyond the age are not part of a history") {
        val bounds = HistoryBounds(size = 100, age = 50.milliseconds, bytes = 20_000)
        val node = TestNode(redis.url, newNamespace())
        withNodes(node) {
            val first = node.broker.publish(Publication("t", Body.json("1"), history = bounds)).shouldNotBeNull()
            val last = node.broker.publish(Publication("t", Body.json("2"), history = bounds)).shouldNotBeNull()
            delay(100.milliseconds)

            node.broker.history("t", since = null, bounds).entries.shouldBeEmpty()
            node.broker.history("t", first, bounds).isComplete shouldBe false
            node.broker.history("t", last, bounds).isComplete shouldBe true
        }
    }

    test("a stream entry that is no publication makes a history incomplete, and is not part of it") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            val first = node.publish("t", "a").shouldNotBeNull()
            redis.command("XADD", "live:$namespace:{t:t}:stream", "2-0", "p", "foreign", "t", "9999999999999", "b", "1")
            redis.command("HSET", "live:$namespace:{t:t}:meta", "o", "2")
            node.publish("t", "b").shouldNotBeNull().offset shouldBe 3

            val read = node.history("t", first)

            read.isComplete shouldBe false
            read.texts() shouldContainExactly listOf("b")
            node.history("t", Position(first.epoch, 2)).isComplete shouldBe true
        }
    }

    test("a topic with a stream written by hand starts over, with a new epoch") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            val first = node.publish("t", "a").shouldNotBeNull()
            redis.command("XADD", "live:$namespace:{t:t}:stream", "999-0", "p", "foreign")

            val second = node.publish("t", "b").shouldNotBeNull()

            second.offset shouldBe 1
            (second.epoch == first.epoch) shouldBe false
            node.history("t", second).isComplete shouldBe true
            node.history("t", first).isComplete shouldBe false
        }
    }

    test("Redis out of memory rejects a publication before anything is stored or sent") {
        val node = TestNode(redis.url, newNamespace())
        withNodes(node) {
            node.broker.subscribe("t", BOUNDS)
            node.publish("t", "a")
            node.nextText() shouldBe "a"
            redis.command("CONFIG", "SET", "maxmemory", "1mb")

            val failure = shouldThrow<RedisBrokerException.Unavailable> { node.publish("t", "rejected") }
            node.broker.subscribe("plain", history = null)
            node.publish("plain", "without history", history = null)
            node.nextText() shouldBe "without history"
            redis.command("CONFIG", "SET", "maxmemory", "0")

            failure.reason shouldContain "has reached its maxmemory"
            node.publish("t", "b").shouldNotBeNull().offset shouldBe 2
            node.nextText() shouldBe "b"
            node.history("t", since = null).texts() shouldContainExactly listOf("a", "b")
        }
    }

    test("Redis out of memory rejects the first publication of a topic, and changes nothing") {
        val namespace = newNamespace()
        val node = TestNode(redis.url, namespace)
        withNodes(node) {
            node.publish("warm", "up")
            // what remains of a topic after its meta has been evicted
            redis.command("XADD", "live:$namespace:{t:new}:stream", "7-0", "p", "old")
            redis.command("CONFIG", "SET", "maxmemory", "1mb")

            val failure = shouldThrow<RedisBrokerException.Unavailable> { node.publish("new", "rejected") }
            redis.command("CONFIG", "SET", "maxmemory", "0")

            failure.reason shouldContain "has reached its maxmemory"
            redis.keys().filter { "$namespace:{t:new}" in it } shouldContainExactly
                listOf("live:$namespace:{t:new}:stream")
            node.publish("new", "stored").shouldNotBeNull().offset shouldBe 1
            node.history("new", since = null).texts() shouldContainExactly listOf("stored")
        }
    }
})

private fun RedisServer.length(topic: String): Long =
    keys().filter { it.endsWith("{t:$topic}:stream") }.maxOfOrNull { command("XLEN", it) as Long } ?: 0

/** Publishes as often as necessary to succeed once. */
private suspend fun publishEventually(node: TestNode, text: String) {
    withTimeout(HANG_TIMEOUT) {
        while (true) {
            try {
                node.publish("t", text)
                return@withTimeout
            } catch (_: RedisBrokerException) {
                // not connected yet, or too slow
            }
        }
    }
}

/** Publishes until a publication was sent without an answer. */
private suspend fun failureOfSent(publish: suspend () -> Unit): RedisBrokerException.Unknown =
    withTimeout(HANG_TIMEOUT) {
        while (true) {
            try {
                publish()
            } catch (e: RedisBrokerException.Unknown) {
                return@withTimeout e
            } catch (_: RedisBrokerException.Unavailable) {
                // not sent in time
            }
        }
        error("unreachable: the loop returns")
    }
