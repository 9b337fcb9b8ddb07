@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.HANG_TIMEOUT
import dev.live.client.LiveClient
import dev.live.client.testing.FakeTransport
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import kotlinx.serialization.json.JsonPrimitive

/** The welcome payload in the ack of a `subscribe`. */
class WelcomeTest : FunSpec({

    test("each subscribe has the server's welcome, and a later collector receives the latest one") {
        welcoming("""{"welcome":1}""") { network, live ->
            val topic = live.topic<String>("t")
            topic.updates.test(timeout = HANG_TIMEOUT) {
                awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe JsonPrimitive(1)
                network.welcome("""{"welcome":2}""")
                network.wire.cut()
                awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe JsonPrimitive(2)
                topic.updates.test(timeout = HANG_TIMEOUT) {
                    awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe JsonPrimitive(2)
                    cancelAndIgnoreRemainingEvents()
                }
                network.welcome(null)
                network.wire.cut()
                awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe null
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("a collector within the linger, after uncollected messages, resubscribes and receives a new welcome") {
        welcoming("""{"welcome":1}""") { network, live ->
            val topic = live.topic<String>("t")
            val first = launch { topic.messages.collect {} }
            runCurrent()
            first.cancel()
            runCurrent()
            network.wire.push(Message("tick", "t"))
            network.welcome("""{"welcome":2}""")
            advanceTimeBy(500)

            topic.updates.test(timeout = HANG_TIMEOUT) {
                awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe JsonPrimitive(2)
                cancelAndIgnoreRemainingEvents()
            }
            network.wire.sent(MessageType.SUBSCRIBE).size shouldBe 2
            network.wire.sent(MessageType.UNSUBSCRIBE).size shouldBe 1
        }
    }

    test("a collector within the linger, without messages in between, reuses the subscription") {
        welcoming("""{"welcome":1}""") { network, live ->
            val topic = live.topic<String>("t")
            val first = launch { topic.messages.collect {} }
            runCurrent()
            first.cancel()
            advanceTimeBy(500)

            topic.updates.test(timeout = HANG_TIMEOUT) {
                awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe JsonPrimitive(1)
                cancelAndIgnoreRemainingEvents()
            }
            network.wire.received.map { it.type } shouldBe listOf(MessageType.SUBSCRIBE)
        }
    }

    test("an ack can have a welcome and a history position") {
        welcoming("""{"epoch":"e","offset":3,"recovered":false,"welcome":"hi"}""") { network, live ->
            live.topic<String>("t").updates.test(timeout = HANG_TIMEOUT) {
                awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe JsonPrimitive("hi")
                network.wire.cut()
                awaitItem()
                network.wire.sent(MessageType.SUBSCRIBE).single().body shouldBe
                    Body.json("""{"since":{"epoch":"e","offset":3}}""")
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("an ack with an invalid payload has no welcome, and the topic is subscribed") {
        for (body in listOf("7", "[]", """{"other":1}""", """{"welcome":null}""")) {
            welcoming(body) { _, live ->
                live.topic<String>("t").updates.test(timeout = HANG_TIMEOUT) {
                    awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome shouldBe null
                    cancelAndIgnoreRemainingEvents()
                }
            }
        }
    }

    test("a raw topic's updates are messages of every type and subscribes, in order") {
        welcoming("""{"welcome":1}""") { network, live ->
            val seen = mutableListOf<String>()
            val collecting =
                launch {
                    live.rawTopic("t").updates.collect { update ->
                        seen +=
                            when (update) {
                                is TopicUpdate.Subscribed -> "subscribed ${update.welcome}"
                                is TopicUpdate.Received -> update.value.type
                            }
                    }
                }
            runCurrent()
            network.wire.push(Message(MessageType.MESSAGE, "t", body = Body.of("x")))
            network.wire.push(Message("tick", "t"))
            runCurrent()
            network.wire.cut()
            advanceTimeBy(60_000)

            seen shouldBe listOf("subscribed 1", "message", "tick", "subscribed 1")
            collecting.cancel()
        }
    }
})

private fun welcoming(ack: String, test: suspend TestScope.(FakeTransport, LiveClient) -> Unit) {
    runTest {
        val network = FakeTransport().apply { welcome(ack) }
        val live =
            LiveClient("ws://test/live") {
                transport = network
                context = backgroundScope.coroutineContext
                timeSource = testTimeSource
            }
        test(network, live)
    }
}

private fun FakeTransport.welcome(ack: String?) {
    onMessage = { message ->
        (message.type == MessageType.SUBSCRIBE).also {
            if (it) push(Message(MessageType.ACK, message.topic, message.ref, ack?.let { text -> Body.json(text) }))
        }
    }
}
