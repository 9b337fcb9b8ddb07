package dev.live.client.topic

import app.cash.turbine.test
import app.cash.turbine.testIn
import dev.live.client.Chat
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.testing.FakeWire
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.seconds

/** Subscribe and unsubscribe messages for the collectors of a topic. */
class TopicSubscriptionTest : FunSpec({

    test("collecting subscribes, cancelling unsubscribes, and creating a topic sends nothing") {
        clientTest {
            val room = client.topic<Chat>("room")
            settle()
            transport.wire.received.shouldBeEmpty()

            val collector = collect(room.messages)
            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe")

            collector.cancelAndIgnoreRemainingEvents()
            settle()
            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("two collectors share one subscription, which ends with the last collector") {
        clientTest {
            val first = collect(client.topic<Chat>("room").messages)
            val second = collect(client.topic<Chat>("room").messages)

            serverPublishes("room", hello)

            first.awaitItem() shouldBe hello
            second.awaitItem() shouldBe hello
            first.cancel()
            settle()
            transport.subscribedTopics shouldContainExactly setOf("room")
            second.cancel()
            settle()
            transport.subscribedTopics.shouldBeEmpty()
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
        }
    }

    test("a subscription survives reconnects and is restored before any other message") {
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            transport.wire.cut()
            settle()
            val publishing = scope.launch { client.topic<Chat>("room").publish(hello) }
            pass(1.seconds)

            collector.awaitItem() shouldBe hello
            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "publish")
            publishing.join()
            collector.cancel()
        }
    }

    test("all topics are restored in one flush") {
        clientTest {
            val collectors = List(20) { collect(client.topic<Chat>("room/$it").messages) }
            transport.wire.cut()
            pass(1.seconds)

            transport.subscribedTopics.size shouldBe 20
            transport.wire.flushes shouldBe 1
            collectors.forEach { it.cancel() }
        }
    }

    test("a collector cancelled while disconnected is not resubscribed") {
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            transport.wire.cut()
            settle()
            collector.cancel()
            pass(1.seconds)

            transport.wire.received.shouldBeEmpty()
        }
    }

    test("a rejected subscription fails only its own flow, with the server's code") {
        clientTest {
            transport.onMessage = { message ->
                (message.topic == "secret").also { if (it) reject(message, "forbidden", "not for you") }
            }
            val other = collect(client.topic<Chat>("room").messages)
            val rejected = collect(client.topic<Chat>("secret").messages)

            val error = rejected.awaitError().shouldBeInstanceOf<LiveException>()
            error.code shouldBe ErrorCode.Forbidden
            error.reason shouldBe "not for you"
            serverPublishes("room", hello)
            other.awaitItem() shouldBe hello
            settle()
            transport.wire.sent(MessageType.UNSUBSCRIBE).shouldBeEmpty()
            other.cancel()
        }
    }

    test("a rejected topic can be collected again") {
        clientTest {
            transport.onMessage = { message -> reject(message, "forbidden", "not yet").let { true } }
            collect(client.topic<Chat>("room").messages).awaitError()
            transport.onMessage = { false }

            val again = collect(client.topic<Chat>("room").messages)

            transport.subscribedTopics shouldContainExactly setOf("room")
            again.cancel()
        }
    }

    test("a subscription that is rejected after a reconnect fails its flow") {
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            transport.onMessage = { message -> reject(message, "forbidden", "no longer").let { true } }
            transport.wire.cut()
            pass(1.seconds)

            collector.awaitError().message shouldBe "forbidden: no longer"
        }
    }

    test("a subscribe without an ack in time fails, and a late ack is followed by an unsubscribe") {
        clientTest({ requestTimeout = 3.seconds }) {
            val unacked = mutableListOf<Message>()
            transport.onMessage =
                { message -> (message.type == MessageType.SUBSCRIBE).also { if (it) unacked += message } }
            val collector = collect(client.topic<Chat>("room").messages)
            pass(3.seconds)

            collector.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Timeout
            transport.wire.accept(unacked.single())
            settle()
            transport.wire.sentTypes() shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("a subscribe on a dead connection is repeated on the next connection") {
        clientTest {
            settle()
            transport.wire.isStalled = true
            val collector = collect(client.topic<Chat>("room").messages)
            pass(62.seconds) // the heartbeat timeout and the reconnect delay

            transport.subscribedTopics shouldContainExactly setOf("room")
            collector.cancel()
        }
    }

    test("after a subscribe without an ack, the next collector subscribes again") {
        clientTest({ requestTimeout = 3.seconds }) {
            transport.onMessage = { it.type == MessageType.SUBSCRIBE }
            val collector = collect(client.topic<Chat>("room").messages)
            pass(3.seconds)
            collector.awaitError()
            transport.onMessage = { false }

            val next = collect(client.topic<Chat>("room").messages)

            transport.subscribedTopics shouldContainExactly setOf("room")
            next.cancel()
        }
    }

    test("cancelling and collecting immediately again keeps the subscription without a message") {
        clientTest {
            val first = collect(client.topic<Chat>("room").messages)
            val job = scope.launch { client.topic<Chat>("room").messages.toList() }
            settle()
            first.cancel()
            job.cancelAndJoin()
            val second = client.topic<Chat>("room").messages.testIn(turbines)
            settle()
            serverPublishes("room", hello)

            second.awaitItem() shouldBe hello
            transport.subscribedTopics shouldContainExactly setOf("room")
            second.cancel()
        }
    }

    test("a collector that starts during an unsubscribe waits for its ack and subscribes again") {
        clientTest {
            val first = collect(client.topic<Chat>("room").messages)
            val held = mutableListOf<Message>()
            transport.onMessage =
                { message -> (message.type == MessageType.UNSUBSCRIBE).also { if (it) held += message } }
            first.cancel()
            settle()
            val second = collect(client.topic<Chat>("room").messages)
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1

            transport.wire.accept(held.single())
            settle()

            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "unsubscribe", "subscribe")
            serverPublishes("room", hello)
            second.awaitItem() shouldBe hello
            second.cancel()
        }
    }

    test("an unsubscribe by the server before the ack does not end the new subscription") {
        clientTest {
            val held = mutableListOf<Message>()
            transport.onMessage =
                { message -> (message.type == MessageType.SUBSCRIBE).also { if (it) held += message } }
            val collector = collect(client.topic<Chat>("room").messages)

            transport.wire.push(Message(MessageType.UNSUBSCRIBE, "room"))
            settle()
            transport.wire.accept(held.single())
            serverPublishes("room", hello)

            collector.awaitItem() shouldBe hello
            collector.cancel()
            settle()
            transport.subscribedTopics.shouldBeEmpty()
            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("after an unsubscribe by the server during a subscribe, the client still sends its unsubscribe") {
        clientTest({ requestTimeout = 3.seconds }) {
            val held = mutableListOf<Message>()
            transport.onMessage = { message -> held.add(message) }
            val collector = collect(client.topic<Chat>("room").messages)

            transport.wire.push(Message(MessageType.UNSUBSCRIBE, "room"))
            pass(3.seconds)

            collector.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Timeout
            held.map { it.type } - MessageType.PING shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    context("a topic without a collector") {
        test("stays subscribed for the linger, and a new collector reuses the subscription") {
            clientTest({ linger = 5.seconds }) {
                collect(client.topic<Chat>("room").messages).cancel()
                pass(4.seconds)
                val next = collect(client.topic<Chat>("room").messages)
                serverPublishes("room", hello)

                next.awaitItem() shouldBe hello
                pass(10.seconds)
                transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe")
                next.cancel()
            }
        }

        test("is unsubscribed after the linger") {
            clientTest({ linger = 5.seconds }) {
                collect(client.topic<Chat>("room").messages).cancel()
                pass(4.seconds)
                transport.subscribedTopics shouldContainExactly setOf("room")
                pass(1.seconds)

                transport.subscribedTopics.shouldBeEmpty()
            }
        }

        test("does not end the next subscription if the server rejects the first one during the linger") {
            clientTest({ linger = 5.seconds }) {
                val held = mutableListOf<Message>()
                transport.onMessage = { message -> held.add(message) }
                collect(client.topic<Chat>("room").messages).cancel()
                settle()
                transport.onMessage = { false }
                transport.wire.reject(held.single(), "forbidden", "not yet")
                settle()

                val next = collect(client.topic<Chat>("room").messages)
                pass(10.seconds)
                serverPublishes("room", hello)

                next.awaitItem() shouldBe hello
                next.cancel()
            }
        }

        test("is not resubscribed after a reconnect during the linger") {
            clientTest({ linger = 5.seconds }) {
                collect(client.topic<Chat>("room").messages).cancel()
                settle()
                transport.wire.cut()
                pass(10.seconds)

                transport.wire.received.map { it.type }.filter { it != MessageType.PING }.shouldBeEmpty()
            }
        }
    }
})

/** The types of the client's messages, without pings. */
private fun FakeWire.sentTypes() = received.map { it.type } - MessageType.PING
