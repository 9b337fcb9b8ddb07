package dev.live.client.topic

import app.cash.turbine.test
import app.cash.turbine.testIn
import dev.live.client.Chat
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.test.FakeWire
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.seconds

/** What the server is told of the collectors of a topic. */
class TopicSubscriptionTest : FunSpec({

    test("collecting subscribes, cancelling unsubscribes, and making a topic says nothing") {
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

    test("two collectors share one subscription, and the last one to leave ends it") {
        clientTest {
            val first = collect(client.topic<Chat>("room").messages)
            val second = collect(client.topic<Chat>("room").messages)

            serverSays("room", hello)

            first.awaitItem() shouldBe hello
            second.awaitItem() shouldBe hello
            first.cancel()
            settle()
            transport.joined shouldContainExactly setOf("room")
            second.cancel()
            settle()
            transport.joined.shouldBeEmpty()
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
        }
    }

    test("a subscription survives reconnects, and is restored before anything else is written") {
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

            transport.joined.size shouldBe 20
            transport.wire.flushes shouldBe 1
            collectors.forEach { it.cancel() }
        }
    }

    test("what was cancelled while there was no connection is not subscribed again") {
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            transport.wire.cut()
            settle()
            collector.cancel()
            pass(1.seconds)

            transport.wire.received.shouldBeEmpty()
        }
    }

    test("a refused subscription fails its flow with the server's code, and nothing else") {
        clientTest {
            transport.onMessage = { message ->
                (message.topic == "secret").also { if (it) refuse(message, "forbidden", "not for you") }
            }
            val other = collect(client.topic<Chat>("room").messages)
            val refused = collect(client.topic<Chat>("secret").messages)

            val error = refused.awaitError().shouldBeInstanceOf<LiveException>()
            error.code shouldBe ErrorCode.Forbidden
            error.reason shouldBe "not for you"
            serverSays("room", hello)
            other.awaitItem() shouldBe hello
            settle()
            transport.wire.sent(MessageType.UNSUBSCRIBE).shouldBeEmpty()
            other.cancel()
        }
    }

    test("a refused topic can be tried again") {
        clientTest {
            transport.onMessage = { message -> refuse(message, "forbidden", "not yet").let { true } }
            collect(client.topic<Chat>("room").messages).awaitError()
            transport.onMessage = { false }

            val again = collect(client.topic<Chat>("room").messages)

            transport.joined shouldContainExactly setOf("room")
            again.cancel()
        }
    }

    test("a subscription that is refused after a reconnect fails then") {
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            transport.onMessage = { message -> refuse(message, "forbidden", "no longer").let { true } }
            transport.wire.cut()
            pass(1.seconds)

            collector.awaitError().message shouldBe "forbidden: no longer"
        }
    }

    test("a subscription that is not answered in time fails, and a late ack leaves nobody joined") {
        clientTest({ requestTimeout = 3.seconds }) {
            val unanswered = mutableListOf<Message>()
            transport.onMessage =
                { message -> (message.type == MessageType.SUBSCRIBE).also { if (it) unanswered += message } }
            val collector = collect(client.topic<Chat>("room").messages)
            pass(3.seconds)

            collector.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Timeout
            transport.wire.answer(unanswered.single())
            settle()
            transport.wire.said() shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("a subscription that is made on a dead connection finds that out, and is made again on the next") {
        clientTest {
            settle()
            transport.wire.isStalled = true
            val collector = collect(client.topic<Chat>("room").messages)
            pass(62.seconds) // the heartbeat's, and the wait for the next attempt

            transport.joined shouldContainExactly setOf("room")
            collector.cancel()
        }
    }

    test("after an unanswered subscription the next collector subscribes anew") {
        clientTest({ requestTimeout = 3.seconds }) {
            transport.onMessage = { it.type == MessageType.SUBSCRIBE }
            val collector = collect(client.topic<Chat>("room").messages)
            pass(3.seconds)
            collector.awaitError()
            transport.onMessage = { false }

            val next = collect(client.topic<Chat>("room").messages)

            transport.joined shouldContainExactly setOf("room")
            next.cancel()
        }
    }

    test("cancelling and collecting at once keeps the subscription without a word") {
        clientTest {
            val first = collect(client.topic<Chat>("room").messages)
            val job = scope.launch { client.topic<Chat>("room").messages.toList() }
            settle()
            first.cancel()
            job.cancelAndJoin()
            val second = client.topic<Chat>("room").messages.testIn(turbines)
            settle()
            serverSays("room", hello)

            second.awaitItem() shouldBe hello
            transport.joined shouldContainExactly setOf("room")
            second.cancel()
        }
    }

    test("a collector that comes while the unsubscribe is on its way waits for it and subscribes again") {
        clientTest {
            val first = collect(client.topic<Chat>("room").messages)
            val held = mutableListOf<Message>()
            transport.onMessage =
                { message -> (message.type == MessageType.UNSUBSCRIBE).also { if (it) held += message } }
            first.cancel()
            settle()
            val second = collect(client.topic<Chat>("room").messages)
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1

            transport.wire.answer(held.single())
            settle()

            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "unsubscribe", "subscribe")
            serverSays("room", hello)
            second.awaitItem() shouldBe hello
            second.cancel()
        }
    }

    test("what the server ended before it carried out a subscribe is not what that subscribe begins") {
        clientTest {
            val held = mutableListOf<Message>()
            transport.onMessage =
                { message -> (message.type == MessageType.SUBSCRIBE).also { if (it) held += message } }
            val collector = collect(client.topic<Chat>("room").messages)

            transport.wire.push(Message(MessageType.UNSUBSCRIBE, "room"))
            settle()
            transport.wire.answer(held.single())
            serverSays("room", hello)

            collector.awaitItem() shouldBe hello
            collector.cancel()
            settle()
            transport.joined.shouldBeEmpty()
            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("a server that ends a topic while a subscribe is unanswered is still told that nobody wants it") {
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

    context("a topic whose last collector has gone") {
        test("stays for the linger, and who collects in that time finds it as it was") {
            clientTest({ linger = 5.seconds }) {
                collect(client.topic<Chat>("room").messages).cancel()
                pass(4.seconds)
                val next = collect(client.topic<Chat>("room").messages)
                serverSays("room", hello)

                next.awaitItem() shouldBe hello
                pass(10.seconds)
                transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe")
                next.cancel()
            }
        }

        test("is left when the linger is over") {
            clientTest({ linger = 5.seconds }) {
                collect(client.topic<Chat>("room").messages).cancel()
                pass(4.seconds)
                transport.joined shouldContainExactly setOf("room")
                pass(1.seconds)

                transport.joined.shouldBeEmpty()
            }
        }

        test("is not joined again by a connection that is made meanwhile") {
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

/** The types of what the client said, but for a look whether the connection stands. */
private fun FakeWire.said() = received.map { it.type } - MessageType.PING
