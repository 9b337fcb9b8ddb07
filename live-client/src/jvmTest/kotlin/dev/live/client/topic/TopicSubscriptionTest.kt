package dev.live.client.topic

import app.cash.turbine.ReceiveTurbine
import app.cash.turbine.test
import app.cash.turbine.testIn
import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.seconds

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

    test("messages arrive in the order they were sent") {
        clientTest {
            client.topic<Chat>("room").messages.test {
                settle()
                repeat(50) { serverSays("room", Chat("ann", "$it")) }

                repeat(50) { awaitItem().text shouldBe "$it" }
            }
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
            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "unsubscribe")
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

    test("what comes after the last collector left, or before the ack, belongs to nobody") {
        clientTest {
            transport.onMessage = { it.type == MessageType.SUBSCRIBE }
            val collector = collect(client.topic<Chat>("room").messages)
            serverSays("room", Chat("ann", "before the ack"))
            settle()
            transport.wire.answer(transport.wire.received.single())
            serverSays("room", hello)

            collector.awaitItem() shouldBe hello
            collector.cancel()
        }
    }

    test("messages of a topic that nobody collects are ignored") {
        clientTest {
            client.messages.test {
                settle()
                serverSays("elsewhere", hello)
                transport.wire.push(Message("news"))

                awaitItem() shouldBe Message("news")
            }
        }
    }

    test("a collector that falls 64 messages behind gets those and then fails, and others go on") {
        clientTest {
            val slow = scope.collectSlowly(client.topic<Chat>("room").messages)
            val quick = collect(client.topic<Chat>("room").messages)
            repeat(100) {
                serverSays("room", Chat("ann", "$it"))
                settle()
                quick.awaitItem().text shouldBe "$it"
            }
            slow.goOn.complete(Unit)
            settle()

            slow.texts shouldContainExactly (0..64).map { "$it" } // one in its hands and 64 behind
            slow.error.shouldBeInstanceOf<SlowCollectorException>().reason shouldBe
                "a collector of topic 'room' fell 64 messages behind"
            transport.joined shouldContainExactly setOf("room")
            quick.cancel()
        }
    }

    test("a collector that drops the oldest keeps the newest 64") {
        clientTest {
            val slow = scope.collectSlowly(client.topic<Chat>("room", CollectorOverflow.DropOldest).messages)
            settle()
            repeat(100) {
                serverSays("room", Chat("ann", "$it"))
                settle()
            }
            slow.goOn.complete(Unit)
            settle()

            slow.texts shouldContainExactly listOf("0") + (36..99).map { "$it" }
            slow.job.cancelAndJoin()
        }
    }

    test("when the last collector falls behind, the topic is left") {
        clientTest {
            val slow = scope.collectSlowly(client.topic<Chat>("room").messages)
            settle()
            repeat(100) { serverSays("room", Chat("ann", "$it")) }
            settle()

            transport.joined.shouldBeEmpty()
            slow.goOn.complete(Unit)
        }
    }

    test("when the server ends the client, flows fail; when the application does, they complete") {
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            transport.wire.cut(CloseCode.Kicked, "spam")
            settle()

            collector.awaitError().shouldBeInstanceOf<ClientClosedException>().reason shouldBe
                "the client is closed: the server closed with 4403 (spam)"
        }
        clientTest {
            val collector = collect(client.topic<Chat>("room").messages)
            client.close()

            collector.awaitComplete()
        }
    }

    test("raw has every type of the topic, messages only what was published") {
        clientTest {
            val raw = collect(client.topic<Chat>("room").raw)
            val messages = collect(client.topic<Chat>("room").messages)
            transport.wire.push(Message("typing", "room"))
            serverSays("room", hello)

            raw.awaitItem() shouldBe Message("typing", "room")
            raw.awaitItem() shouldBe Message(MessageType.MESSAGE, "room", body = Body.of(hello))
            messages.awaitItem() shouldBe hello
            raw.cancel()
            messages.cancel()
        }
    }

    test("a payload of another type fails the flow, unless it is told to skip") {
        clientTest {
            val strict = collect(client.topic<Chat>("room").messages)
            val skipped = mutableListOf<String>()
            val lenient = collect(client.topic<Chat>("room", onBadPayload = { skipped += it.reason }).messages)
            transport.wire.push(Message(MessageType.MESSAGE, "room", body = Body.json("7")))
            serverSays("room", hello)

            strict.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.BadPayload
            lenient.awaitItem() shouldBe hello
            skipped.size shouldBe 1
            lenient.cancel()
        }
    }

    test("a payload may be null") {
        clientTest {
            client.topic<String?>("room").messages.test {
                settle()
                transport.wire.push(Message(MessageType.MESSAGE, "room", body = Body.json("null")))

                awaitItem() shouldBe null
            }
        }
    }
})

private val hello = Chat("ann", "hello")

/** Collects [flow] and waits until its subscription has been answered. */
private fun <T> ClientFixture.collect(flow: Flow<T>): ReceiveTurbine<T> = flow.testIn(turbines).also { settle() }
