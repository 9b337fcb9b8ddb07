@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client.topic

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.start
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.toMessage
import dev.live.test.FakeTransport
import dev.live.test.FakeWire
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

/** How many topics are joined at a time, and what a client makes of a server to which that is too many. */
class SubscriptionPaceTest : FunSpec({

    test("of 1,000 topics that are joined again 64 are unanswered at most, and all are joined in the order they were") {
        clientTest {
            val held = ArrayDeque<Message>()
            val collectors = collectAll(1_000)
            transport.joined.size shouldBe 1_000
            transport.onMessage = { message -> held.add(message) }
            transport.wire.cut()
            pass(1.seconds)

            val asked = mutableListOf<String>()
            while (transport.joined.size < 1_000) {
                held.size shouldBeGreaterThan 0
                (held.size <= 64).shouldBeTrue()
                repeat(1 + held.size / 3) {
                    val next = held.removeFirst()
                    asked += next.topic
                    transport.wire.answer(next)
                }
                settle()
            }

            asked.joinToString() shouldBe List(1_000) { "room/$it" }.joinToString()
            collectors.forEach { it.cancel() }
        }
    }

    test("a screen that closes leaves its 1,000 topics 64 at a time") {
        clientTest {
            val held = ArrayDeque<Message>()
            val collectors = collectAll(1_000)
            transport.onMessage = { message -> held.add(message) }

            collectors.forEach { it.cancel() }
            settle()
            while (transport.joined.isNotEmpty()) {
                (held.size in 1..64).shouldBeTrue()
                transport.wire.answer(held.removeFirst())
                settle()
            }
        }
    }

    test("what is published to a topic that waits in line goes right behind its subscribe") {
        clientTest {
            val collectors = collectAll(200)
            transport.onMessage = { it.type == MessageType.SUBSCRIBE && it.topic != "room/199" }
            transport.wire.cut()
            settle()
            val publishing = start { client.topic<Chat>("room/199").publish(hello) }
            pass(1.seconds)

            publishing.isCompleted shouldBe true
            publishing.await()
            val said = transport.wire.received.map { it.type to it.topic }
            val at = said.indexOf(MessageType.PUBLISH to "room/199")
            said[at - 1] shouldBe (MessageType.SUBSCRIBE to "room/199")
            (at < 150).shouldBeTrue() // and is not behind the whole line
            collectors.forEach { it.cancel() }
        }
    }

    test("a collector that leaves while its topic waits in line leaves no trace") {
        clientTest {
            val collectors = collectAll(200)
            transport.onMessage = { it.type == MessageType.SUBSCRIBE }
            transport.wire.cut()
            pass(1.seconds)
            collectors.drop(64).forEach { it.cancel() }
            settle()

            transport.onMessage = { false }
            transport.wire.received.toList().forEach { transport.wire.answer(it) }
            settle()

            transport.wire.received.size shouldBe 64
            transport.joined.size shouldBe 64
            collectors.forEach { it.cancel() }
        }
    }

    for (rate in listOf(
        Rate(perSecond = 50, burst = 200),
        Rate(perSecond = 50, burst = 100),
        Rate(perSecond = 10, burst = 80),
    )) {
        test("a server that takes $rate is never asked so much that it closes, and has all topics in the end") {
            clientTest({ requestTimeout = 30.seconds }) {
                transport.toServer.latency = 1.milliseconds
                val collectors = collectAll(1_000)
                val server = transport.limitSubscribes(rate) { now }
                transport.wire.cut()
                pass(5.minutes)

                server.mostRefused shouldBeLessThan rate.burst
                transport.connections.size shouldBe 2
                transport.joined.size shouldBe 1_000
                server.tooSoon shouldBe emptyList()
                collectors.forEach { it.cancel() }
            }
        }
    }

    test("after a close with 4429 the next connection begins slowly, so that a small burst is no end") {
        clientTest({ requestTimeout = 30.seconds }) {
            transport.toServer.latency = 1.milliseconds
            val collectors = collectAll(200)
            val server = transport.limitSubscribes(Rate(perSecond = 20, burst = 10)) { now }
            transport.wire.cut()
            pass(5.minutes)

            transport.connections.size shouldBe 3
            server.closes shouldBe 1
            transport.joined.size shouldBe 200
            collectors.forEach { it.cancel() }
        }
    }

    test(
        "a first subscribe that the server refuses for a moment is asked again within the timeout, and does not fail",
    ) {
        clientTest {
            transport.refuse("room", 3, 2.seconds)

            val room = collect(client.topic<Chat>("room").messages)
            pass(10.seconds)

            serverSays("room", hello)
            room.awaitItem() shouldBe hello
            room.cancel()
        }
    }

    test("a first subscribe that is refused for longer than the timeout fails with what the server said") {
        clientTest {
            transport.refuse("room", Int.MAX_VALUE, 4.seconds)

            val room = start { client.topic<Chat>("room").messages.collect() }
            pass(30.seconds)

            val refused = room.getCompletionExceptionOrNull().shouldBeInstanceOf<LiveException>()
            refused.code shouldBe ErrorCode.RateLimited
            refused.retryAfter shouldBe 4.seconds
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 3
        }
    }

    test("a topic that is refused for a minute does not hold up the others") {
        clientTest {
            val collectors = collectAll(300)
            transport.refuse("room/0", 1, 1.minutes)
            transport.wire.cut()
            pass(10.seconds)

            transport.joined.size shouldBe 299
            pass(2.minutes)
            transport.joined.size shouldBe 300
            collectors.forEach { it.cancel() }
        }
    }

    test("a topic that is refused again and again slows down neither topics in line nor later ones") {
        clientTest {
            val collectors = collectAll(300)
            transport.refuse("room/0", 10, 1.seconds)
            transport.wire.cut()
            pass(6.seconds)
            transport.joined.size shouldBe 299
            while (transport.wire.sent(MessageType.SUBSCRIBE).count { it.topic == "room/0" } <
                10
            ) {
                pass(100.milliseconds)
            }

            val later = collectAll(20, prefix = "later", within = 2.seconds)

            transport.joined.count { it.startsWith("later") } shouldBe 20
            (collectors + later).forEach { it.cancel() }
        }
    }

    test("one topic that is refused ten times slows down 20 new topics by less than 2 s") {
        clientTest {
            val collectors = collectAll(1)
            transport.refuse("room/0", 10, 1.seconds)
            transport.wire.cut()
            pass(1.seconds)
            while (transport.wire.sent(MessageType.SUBSCRIBE).size < 10) pass(100.milliseconds)

            val later = collectAll(20, prefix = "later", within = 2.seconds)

            transport.joined.count { it.startsWith("later") } shouldBe 20
            (collectors + later).forEach { it.cancel() }
        }
    }

    test("after a refusal with nothing left in line, new topics are sent without a gap") {
        clientTest {
            val collectors = collectAll(1)
            transport.refuse("room/0", 1, 1.seconds)
            transport.wire.cut()
            pass(5.seconds)

            val later = collectAll(20, prefix = "later", within = 1.milliseconds)

            transport.joined.size shouldBe 21
            (collectors + later).forEach { it.cancel() }
        }
    }

    test("an unsubscribe that the server refuses for a moment is said again") {
        clientTest {
            val room = collect(client.topic<Chat>("room").messages)
            transport.refuse("room", 1, 2.seconds)

            room.cancel()
            pass(1.seconds)
            transport.joined shouldBe setOf("room")
            pass(3.seconds)

            transport.joined shouldBe emptySet()
        }
    }

    test(
        "a subscribe whose params may be what the server closed over as too large fails its flow and is not said again",
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
            serverSays("room", hello)
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

/** The server refuses what is said of [topic] so many [times], and asks to wait for [retryAfter]. */
private fun FakeTransport.refuse(topic: String, times: Int, retryAfter: Duration) {
    var left = times
    onMessage = { message ->
        val isRefused = message.topic == topic && left > 0
        if (isRefused) {
            left--
            push(LiveException(ErrorCode.RateLimited, "too many", retryAfter).toMessage(message.topic, message.ref))
        }
        isRefused
    }
}

private data class Rate(val perSecond: Int, val burst: Int) {
    override fun toString(): String = "$perSecond subscribes a second and $burst at once"
}

/** Holds subscribes to [rate] as the server does: a bucket, and a close where as many were refused as it holds. */
private class LimitingServer(private val rate: Rate, private val now: () -> Duration) {
    private var wire: FakeWire? = null
    private var tokens = rate.burst.toDouble()
    private var refused = 0.0
    private var last = Duration.ZERO
    private val notBefore = HashMap<String, Duration>()
    var mostRefused = 0
        private set
    var closes = 0
        private set

    /** Topics that were asked for again before it was time. */
    val tooSoon = mutableListOf<String>()

    fun isHandled(on: FakeWire, message: Message): Boolean {
        if (message.type != MessageType.SUBSCRIBE) return false
        if (on !== wire) begin(on)
        val passed = (now() - last).inWholeMicroseconds / 1e6 * rate.perSecond
        last = now()
        tokens = minOf(tokens + passed, rate.burst.toDouble())
        refused = maxOf(refused - passed, 0.0)
        notBefore[message.topic]?.let { if (now() < it) tooSoon += message.topic }
        if (tokens >= 1) {
            tokens--
            return false
        }
        refused++
        mostRefused = maxOf(mostRefused, refused.toInt())
        val wait = ((1 - tokens) / rate.perSecond * 1000 + 1).toInt().milliseconds
        notBefore[message.topic] = now() + wait
        on.push(LiveException(ErrorCode.RateLimited, "too many", wait).toMessage(message.topic, message.ref))
        if (refused >= rate.burst) {
            closes++
            on.cut(CloseCode.TooManyMessages)
        }
        return true
    }

    private fun begin(on: FakeWire) {
        wire = on
        tokens = rate.burst.toDouble()
        refused = 0.0
        notBefore.clear()
    }
}

private fun FakeTransport.limitSubscribes(rate: Rate, now: () -> Duration): LimitingServer {
    val server = LimitingServer(rate, now)
    onMessage = { message -> server.isHandled(this, message) }
    return server
}
