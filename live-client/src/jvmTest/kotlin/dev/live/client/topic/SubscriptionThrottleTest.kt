@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client.topic

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.start
import dev.live.client.testing.FakeTransport
import dev.live.client.testing.FakeWire
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.toMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.booleans.shouldBeTrue
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The limit of concurrent subscribes, and the reaction to a server with a lower rate limit. */
class SubscriptionThrottleTest : FunSpec({

    test("1,000 topics are resubscribed in order, with at most 64 unacknowledged subscribes") {
        clientTest {
            val held = ArrayDeque<Message>()
            val collectors = collectAll(1_000)
            transport.subscribedTopics.size shouldBe 1_000
            transport.onMessage = { message -> held.add(message) }
            transport.wire.cut()
            pass(1.seconds)

            val subscribed = mutableListOf<String>()
            while (transport.subscribedTopics.size < 1_000) {
                held.size shouldBeGreaterThan 0
                (held.size <= 64).shouldBeTrue()
                repeat(1 + held.size / 3) {
                    val next = held.removeFirst()
                    subscribed += next.topic
                    transport.wire.accept(next)
                }
                settle()
            }

            subscribed.joinToString() shouldBe List(1_000) { "room/$it" }.joinToString()
            collectors.forEach { it.cancel() }
        }
    }

    test("1,000 topics are unsubscribed with at most 64 unacknowledged at a time") {
        clientTest {
            val held = ArrayDeque<Message>()
            val collectors = collectAll(1_000)
            transport.onMessage = { message -> held.add(message) }

            collectors.forEach { it.cancel() }
            settle()
            while (transport.subscribedTopics.isNotEmpty()) {
                (held.size in 1..64).shouldBeTrue()
                transport.wire.accept(held.removeFirst())
                settle()
            }
        }
    }

    test("a publish to a queued topic is sent right after its subscribe") {
        clientTest {
            val collectors = collectAll(200)
            transport.onMessage = { it.type == MessageType.SUBSCRIBE && it.topic != "room/199" }
            transport.wire.cut()
            settle()
            val publishing = start { client.topic<Chat>("room/199").publish(hello) }
            pass(1.seconds)

            publishing.isCompleted shouldBe true
            publishing.await()
            val sent = transport.wire.received.map { it.type to it.topic }
            val at = sent.indexOf(MessageType.PUBLISH to "room/199")
            sent[at - 1] shouldBe (MessageType.SUBSCRIBE to "room/199")
            (at < 150).shouldBeTrue() // not after the whole queue
            collectors.forEach { it.cancel() }
        }
    }

    test("a collector that is cancelled while its topic is queued causes no message") {
        clientTest {
            val collectors = collectAll(200)
            transport.onMessage = { it.type == MessageType.SUBSCRIBE }
            transport.wire.cut()
            pass(1.seconds)
            collectors.drop(64).forEach { it.cancel() }
            settle()

            transport.onMessage = { false }
            transport.wire.received.toList().forEach { transport.wire.accept(it) }
            settle()

            transport.wire.received.size shouldBe 64
            transport.subscribedTopics.size shouldBe 64
            collectors.forEach { it.cancel() }
        }
    }

    for (rate in listOf(
        Rate(perSecond = 50, burst = 200),
        Rate(perSecond = 50, burst = 100),
        Rate(perSecond = 10, burst = 80),
    )) {
        test("a server with a limit of $rate never closes the session, and all topics are subscribed") {
            clientTest({ requestTimeout = 30.seconds }) {
                transport.toServer.latency = 1.milliseconds
                val collectors = collectAll(1_000)
                val server = transport.limitSubscribes(rate) { now }
                transport.wire.cut()
                pass(5.minutes)

                server.maxRejected shouldBeLessThan rate.burst
                transport.connections.size shouldBe 2
                transport.subscribedTopics.size shouldBe 1_000
                server.tooSoon shouldBe emptyList()
                collectors.forEach { it.cancel() }
            }
        }
    }

    test("after a close with 4429 the next connection starts slowly enough for a small burst limit") {
        clientTest({ requestTimeout = 30.seconds }) {
            transport.toServer.latency = 1.milliseconds
            val collectors = collectAll(200)
            val server = transport.limitSubscribes(Rate(perSecond = 20, burst = 10)) { now }
            transport.wire.cut()
            pass(5.minutes)

            transport.connections.size shouldBe 3
            server.closes shouldBe 1
            transport.subscribedTopics.size shouldBe 200
            collectors.forEach { it.cancel() }
        }
    }

    test(
        "a temporarily rejected first subscribe is retried within the timeout",
    ) {
        clientTest {
            transport.rejectSubscribes("room", 3, 2.seconds)

            val room = collect(client.topic<Chat>("room").messages)
            pass(10.seconds)

            serverPublishes("room", hello)
            room.awaitItem() shouldBe hello
            room.cancel()
        }
    }

    test("a first subscribe that is rejected longer than the timeout fails with the server's error") {
        clientTest {
            transport.rejectSubscribes("room", Int.MAX_VALUE, 4.seconds)

            val room = start { client.topic<Chat>("room").messages.collect() }
            pass(30.seconds)

            val rejected = room.getCompletionExceptionOrNull().shouldBeInstanceOf<LiveException>()
            rejected.code shouldBe ErrorCode.RateLimited
            rejected.retryAfter shouldBe 4.seconds
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 3
        }
    }

    test("a topic that is rejected for a minute does not delay others") {
        clientTest {
            val collectors = collectAll(300)
            transport.rejectSubscribes("room/0", 1, 1.minutes)
            transport.wire.cut()
            pass(10.seconds)

            transport.subscribedTopics.size shouldBe 299
            pass(2.minutes)
            transport.subscribedTopics.size shouldBe 300
            collectors.forEach { it.cancel() }
        }
    }

    test("a repeatedly rejected topic delays neither queued nor later topics") {
        clientTest {
            val collectors = collectAll(300)
            transport.rejectSubscribes("room/0", 10, 1.seconds)
            transport.wire.cut()
            pass(6.seconds)
            transport.subscribedTopics.size shouldBe 299
            while (transport.wire.sent(MessageType.SUBSCRIBE).count { it.topic == "room/0" } <
                10
            ) {
                pass(100.milliseconds)
            }

            val later = collectAll(20, prefix = "later", within = 2.seconds)

            transport.subscribedTopics.count { it.startsWith("later") } shouldBe 20
            (collectors + later).forEach { it.cancel() }
        }
    }

    test("one topic that is rejected ten times delays 20 new topics by less than 2 s") {
        clientTest {
            val collectors = collectAll(1)
            transport.rejectSubscribes("room/0", 10, 1.seconds)
            transport.wire.cut()
            pass(1.seconds)
            while (transport.wire.sent(MessageType.SUBSCRIBE).size < 10) pass(100.milliseconds)

            val later = collectAll(20, prefix = "later", within = 2.seconds)

            transport.subscribedTopics.count { it.startsWith("later") } shouldBe 20
            (collectors + later).forEach { it.cancel() }
        }
    }

    test("after a rejection with an empty queue, new topics are subscribed without a delay") {
        clientTest {
            val collectors = collectAll(1)
            transport.rejectSubscribes("room/0", 1, 1.seconds)
            transport.wire.cut()
            pass(5.seconds)

            val later = collectAll(20, prefix = "later", within = 1.milliseconds)

            transport.subscribedTopics.size shouldBe 21
            (collectors + later).forEach { it.cancel() }
        }
    }

    test("a temporarily rejected unsubscribe is retried") {
        clientTest {
            val room = collect(client.topic<Chat>("room").messages)
            transport.rejectSubscribes("room", 1, 2.seconds)

            room.cancel()
            pass(1.seconds)
            transport.subscribedTopics shouldBe setOf("room")
            pass(3.seconds)

            transport.subscribedTopics shouldBe emptySet()
        }
    }

    test(
        "a subscribe with large params fails after a close with TooLarge and is not repeated",
    ) {
        clientTest {
            val other = collect(client.topic<Chat>("room").messages)
            transport.onMessage = { message ->
                ((message.body?.size ?: 0) > 1_000).also { if (it) cut(CloseCode.TooLarge) }
            }

            val large = start { client.topic<Chat>("large").withParams("x".repeat(2_000)).messages.collect() }
            pass(5.seconds)

            val failure = large.getCompletionExceptionOrNull().shouldBeInstanceOf<LiveException>()
            failure.code shouldBe ErrorCode.TooLarge
            transport.connections.size shouldBe 2
            serverPublishes("room", hello)
            other.awaitItem() shouldBe hello
            other.cancel()
        }
    }
})

private fun ClientFixture.collectAll(
    topics: Int,
    prefix: String = "room",
    within: Duration = 1.seconds,
): List<Job> =
    List(topics) { n -> turbines.launch { client.topic<Chat>("$prefix/$n").messages.collect() } }.also { pass(within) }

/** The server rejects [times] messages of [topic] with [retryAfter]. */
private fun FakeTransport.rejectSubscribes(topic: String, times: Int, retryAfter: Duration) {
    var left = times
    onMessage = { message ->
        val isRejected = message.topic == topic && left > 0
        if (isRejected) {
            left--
            push(LiveException(ErrorCode.RateLimited, "too many", retryAfter).toMessage(message.topic, message.ref))
        }
        isRejected
    }
}

private data class Rate(val perSecond: Int, val burst: Int) {
    override fun toString(): String = "$perSecond subscribes a second and $burst in a burst"
}

/** Limits subscribes to [rate] with a token bucket, like the server. Closes after as many rejections as the burst. */
private class LimitingServer(private val rate: Rate, private val now: () -> Duration) {
    private var wire: FakeWire? = null
    private var tokens = rate.burst.toDouble()
    private var rejected = 0.0
    private var last = Duration.ZERO
    private val notBefore = HashMap<String, Duration>()
    var maxRejected = 0
        private set
    var closes = 0
        private set

    /** Topics that were retried before their `retryAfter`. */
    val tooSoon = mutableListOf<String>()

    fun isHandled(on: FakeWire, message: Message): Boolean {
        if (message.type != MessageType.SUBSCRIBE) return false
        if (on !== wire) begin(on)
        val passed = (now() - last).inWholeMicroseconds / 1e6 * rate.perSecond
        last = now()
        tokens = minOf(tokens + passed, rate.burst.toDouble())
        rejected = maxOf(rejected - passed, 0.0)
        notBefore[message.topic]?.let { if (now() < it) tooSoon += message.topic }
        if (tokens >= 1) {
            tokens--
            return false
        }
        rejected++
        maxRejected = maxOf(maxRejected, rejected.toInt())
        val wait = ((1 - tokens) / rate.perSecond * 1000 + 1).toInt().milliseconds
        notBefore[message.topic] = now() + wait
        on.push(LiveException(ErrorCode.RateLimited, "too many", wait).toMessage(message.topic, message.ref))
        if (rejected >= rate.burst) {
            closes++
            on.cut(CloseCode.TooManyMessages)
        }
        return true
    }

    private fun begin(on: FakeWire) {
        wire = on
        tokens = rate.burst.toDouble()
        rejected = 0.0
        notBefore.clear()
    }
}

private fun FakeTransport.limitSubscribes(rate: Rate, now: () -> Duration): LimitingServer {
    val server = LimitingServer(rate, now)
    onMessage = { message -> server.isHandled(this, message) }
    return server
}
