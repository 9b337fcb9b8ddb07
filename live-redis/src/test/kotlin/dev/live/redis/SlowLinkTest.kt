package dev.live.redis

import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.withNodes
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import java.util.concurrent.TimeoutException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class SlowLinkTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    test("messages that delay the answers of Redis do not make the connection look dead") {
        TcpProxy(redis.port).use { proxy ->
            val namespace = newNamespace()
            val slow = TestNode(proxy.url, namespace) {
                probeTimeout = PROBE_TIMEOUT
                timeout = PROBE_TIMEOUT
            }
            val other = TestNode(redis.url, namespace)
            withNodes(slow, other) {
                slow.broker.subscribe("t", history = null)
                other.publish("t", "ready", history = null)
                slow.nextText() shouldBe "ready"
                proxy.bytesPerSecond = BYTES_PER_SECOND

                val texts = List(MESSAGES) { "$it".padEnd(MESSAGE_BYTES) }
                texts.map { async { other.publish("t", it, history = null) } }.awaitAll()
                slow.broker.subscribe("subscribed behind the messages", history = null)

                List(MESSAGES) { slow.nextText() }.sorted() shouldContainExactly texts.sorted()
                slow.broker.status.reconnects shouldBe 0
            }
        }
    }

    test("publications that delay the answer to a probe do not make the connection look dead") {
        TcpProxy(redis.port).use { proxy ->
            val slow = TestNode(proxy.url, newNamespace()) { probeTimeout = PROBE_TIMEOUT }
            withNodes(slow) {
                eventually(HANG_TIMEOUT) { slow.publish("ready", "ready") }
                proxy.bytesPerSecond = BYTES_PER_SECOND

                // several topics: each has one batch underway
                List(MESSAGES) { async { slow.publish("t${it % 16}", "x".repeat(MESSAGE_BYTES), BOUNDS) } }.awaitAll()

                slow.broker.status.reconnects shouldBe 0
            }
        }
    }

    test("a probe without an answer fails when no more bytes arrive") {
        val traffic = Traffic()

        shouldThrow<TimeoutException> { traffic.await(20.milliseconds) { CompletableDeferred<Unit>().await() } }
    }
})

private const val MESSAGES = 64
private const val MESSAGE_BYTES = 64 * 1024

/** All messages need 8 s. */
private const val BYTES_PER_SECOND = 512 * 1024

/** Less than all messages need, and more than any pause of a busy machine. */
private val PROBE_TIMEOUT = 3.seconds
