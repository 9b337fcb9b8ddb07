@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.testing.FakeTransport
import dev.live.client.topic.ConnectionLostException
import dev.live.protocol.Body
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import java.io.IOException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The network faults of a [FakeTransport]. */
class BadNetworkTest : FunSpec({

    test("latency delays connecting and messages in both directions") {
        onNetwork({
            toServer.latency = 300.milliseconds
            toClient.latency = 50.milliseconds
        }) { network, live ->
            pass(349.milliseconds)
            live.state.value shouldBe ConnectionState.Connecting(0)
            pass(1.milliseconds)
            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()

            live.topic<String>("room").publish("a")

            currentTime shouldBe 700
            network.wire.received shouldHaveSize 1
        }
    }

    test("jitter varies the delay and keeps the order, as TCP does") {
        onNetwork({ toClient.jitter = 1.seconds }) { network, live ->
            val received = receivedOn(live, "room")
            pass(3.seconds)

            repeat(100) { network.publish("room", "$it") }
            pass(1.seconds)

            received shouldContainExactly List(100) { "$it" }
        }
    }

    test("reordersTopics changes the order between topics but not within a topic") {
        onNetwork({
            toClient.jitter = 1.seconds
            reordersTopics = true
        }) { network, live ->
            val arrived = messagesOf(live)
            pass(3.seconds)

            repeat(30) { n -> listOf("a", "b").forEach { network.wire.push(Message("$n", it)) } }
            pass(1.seconds)

            arrived.filter { it.startsWith("a") } shouldContainExactly List(30) { "a$it" }
            arrived.filter { it.startsWith("b") } shouldContainExactly List(30) { "b$it" }
            arrived shouldNotBe List(30) { listOf("a$it", "b$it") }.flatten()
        }
    }

    test("messages are in order again after reordersTopics is reset") {
        onNetwork({
            toClient.jitter = 1.seconds
            reordersTopics = true
        }) { network, live ->
            val arrived = messagesOf(live)
            pass(3.seconds)

            repeat(10) { n -> listOf("a", "b").forEach { network.wire.push(Message("reordered$n", it)) } }
            network.reordersTopics = false
            repeat(10) { n -> listOf("a", "b").forEach { network.wire.push(Message("$n", it)) } }
            pass(2.seconds)

            arrived.drop(20) shouldContainExactly List(10) { listOf("a$it", "b$it") }.flatten()
        }
    }

    test("equal seeds give equal delays and different seeds give different delays") {
        arrivalTimes(seed = 7) shouldBe arrivalTimes(seed = 7)
        arrivalTimes(seed = 7) shouldNotBe arrivalTimes(seed = 8)
    }

    test("a stall delays all messages in both directions, and they arrive in order afterwards") {
        onNetwork { network, live ->
            val received = receivedOn(live, "room")
            runCurrent()
            val subscribed = network.wire.received.size

            network.stall()
            network.publish("room", "one")
            val publishing = inBackground { live.topic<String>("room").publish("two") }
            pass(3.seconds)
            received.shouldBeEmpty()
            network.wire.received shouldHaveSize subscribed

            network.resume()
            runCurrent()
            received shouldContainExactly listOf("one", "two")
            publishing.isCompleted shouldBe true
            network.connections shouldHaveSize 1
        }
    }

    test("a stall delays connecting") {
        onNetwork({ stall() }) { network, live ->
            pass(1.minutes)
            live.state.value shouldBe ConnectionState.Connecting(0)

            network.resume()
            runCurrent()

            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("a half-open connection drops messages silently until the heartbeat times out") {
        onNetwork { network, live ->
            runCurrent()
            val dead = network.wire.apply { isHalfOpen = true }

            val publishing = inBackground { live.topic<String>("room").publish("lost?", timeout = 5.minutes) }
            dead.cut()
            pass(59.seconds)
            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            dead.received.shouldBeEmpty()
            pass(1.seconds)

            val waiting = live.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()
            waiting.cause.shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>()
            shouldThrow<ConnectionLostException> { publishing.await() }
        }
    }

    test("a cut drops messages in flight and fails the publish with ConnectionLostException") {
        onNetwork({ toServer.latency = 1.seconds }) { network, live ->
            pass(1.seconds)
            val wire = network.wire
            val publishing = inBackground { live.topic<String>("room").publish("lost?") }
            pass(500.milliseconds)

            wire.cut()
            pass(5.seconds)

            wire.received.shouldBeEmpty()
            shouldThrow<ConnectionLostException> { publishing.await() }
        }
    }

    test("an outage fails every connect attempt until it ends") {
        onNetwork({ outage = IOException("connection refused") }) { network, live ->
            pass(9500.milliseconds)
            network.requests shouldHaveSize 10
            live.state.value.shouldBeInstanceOf<ConnectionState.Waiting>().cause.toString() shouldBe
                "the server is unreachable: connection refused"

            network.outage = null
            pass(1.seconds)

            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("each direction holds 10,000 messages in flight, and the client suspends when its direction is full") {
        onNetwork { network, live ->
            runCurrent()
            network.stall()
            repeat(10_000) { network.wire.push(Message("news")) }

            shouldThrow<AssertionError> { network.wire.push(Message("news")) }.message shouldBe
                "10000 messages are in flight to the client. Advance the virtual time."
            repeat(10_001) { inBackground { live.send(Message("x"), timeout = 5.seconds) } }
            pass(1.seconds)
            network.resume()
            pass(1.seconds)
            network.wire.sent("x") shouldHaveSize 10_001
        }
    }

    test("negative delays are rejected with the value") {
        val direction = FakeTransport().toServer

        shouldThrow<IllegalArgumentException> { direction.latency = (-1).seconds }.message shouldBe
            "latency must not be negative, was -1s"
        shouldThrow<IllegalArgumentException> { direction.jitter = (-2).seconds }.message shouldBe
            "jitter must not be negative, was -2s"
    }
})

private fun TestScope.pass(time: Duration) {
    advanceTimeBy(time)
    runCurrent()
}

private fun FakeTransport.publish(topic: String, text: String): Unit =
    wire.push(Message(MessageType.MESSAGE, topic, body = Body.of(text)))

private suspend fun LiveClient.collectInto(topic: String, all: MutableList<String>) {
    topic<String>(topic).messages.collect { all += it }
}

private fun TestScope.receivedOn(live: LiveClient, topic: String): List<String> =
    mutableListOf<String>().also { received -> backgroundScope.launch { live.collectInto(topic, received) } }

/** Topic and type of each received message that belongs to no collected topic. */
private fun TestScope.messagesOf(live: LiveClient): List<String> =
    mutableListOf<String>().also { all ->
        backgroundScope.launch { live.messages.collect { all += it.topic + it.type } }
    }

/** Runs [block] in the background. The result captures its exception. */
private fun <T> TestScope.inBackground(block: suspend () -> T): Deferred<T> {
    val result = CompletableDeferred<T>()
    backgroundScope.launch {
        try {
            result.complete(block())
        } catch (e: Exception) {
            result.completeExceptionally(e)
        }
    }
    runCurrent()
    return result
}

/** The arrival times of 20 messages. */
private fun arrivalTimes(seed: Int): List<Long> {
    val times = mutableListOf<Long>()
    onNetwork({ toClient.jitter = 1.seconds }, seed) { network, live ->
        backgroundScope.launch { live.messages.collect { times += currentTime } }
        pass(3.seconds)
        repeat(20) {
            network.wire.push(Message("news"))
            pass(100.milliseconds)
        }
        pass(3.seconds)
    }
    return times
}

private fun onNetwork(
    configure: FakeTransport.() -> Unit = {},
    seed: Int = 0,
    block: suspend TestScope.(FakeTransport, LiveClient) -> Unit,
) {
    runTest {
        val network = FakeTransport(JsonCodec, seed).apply(configure)
        val live =
            LiveClient("ws://test/live") {
                transport = network
                context = backgroundScope.coroutineContext
                timeSource = testTimeSource
                reconnect = ReconnectPolicy { 1.seconds }
            }
        block(network, live)
    }
}
