package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.Chat
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
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

/** Delivery to the collectors of a topic, and the end of their flows. */
class CollectorTest : FunSpec({

    test("messages arrive in the order they were sent") {
        clientTest {
            client.topic<Chat>("room").messages.test(timeout = HANG_TIMEOUT) {
                settle()
                repeat(50) { serverPublishes("room", Chat("ann", "$it")) }

                repeat(50) { awaitItem().text shouldBe "$it" }
            }
        }
    }

    test("messages before the ack of the subscribe are not delivered") {
        clientTest {
            transport.onMessage = { it.type == MessageType.SUBSCRIBE }
            val collector = collect(client.topic<Chat>("room").messages)
            serverPublishes("room", Chat("ann", "before the ack"))
            settle()
            transport.wire.accept(transport.wire.received.single())
            serverPublishes("room", hello)

            collector.awaitItem() shouldBe hello
            collector.cancel()
        }
    }

    test("messages of a topic without a collector are ignored") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                serverPublishes("elsewhere", hello)
                transport.wire.push(Message("news"))

                awaitItem() shouldBe Message("news")
            }
        }
    }

    test("a collector that exceeds its buffer of 64 messages receives them and then fails, and others continue") {
        clientTest {
            val slow = scope.collectSlowly(client.topic<Chat>("room").messages)
            val quick = collect(client.topic<Chat>("room").messages)
            repeat(100) {
                serverPublishes("room", Chat("ann", "$it"))
                settle()
                quick.awaitItem().text shouldBe "$it"
            }
            slow.resume.complete(Unit)
            settle()

            slow.texts shouldContainExactly (0..64).map { "$it" } // one being processed and 64 buffered
            slow.error.shouldBeInstanceOf<SlowCollectorException>().reason shouldBe
                "a collector of topic 'room' is too slow: its buffer of 64 updates is full"
            transport.subscribedTopics shouldContainExactly setOf("room")
            quick.cancel()
        }
    }

    test("a collector with DropOldest receives the newest 64 messages") {
        clientTest {
            val slow = scope.collectSlowly(client.topic<Chat>("room", CollectorOverflow.DropOldest).messages)
            settle()
            repeat(100) {
                serverPublishes("room", Chat("ann", "$it"))
                settle()
            }
            slow.resume.complete(Unit)
            settle()

            slow.texts shouldContainExactly listOf("0") + (36..99).map { "$it" }
            slow.job.cancelAndJoin()
        }
    }

    test("the topic is unsubscribed when its last collector exceeds its buffer") {
        clientTest {
            val slow = scope.collectSlowly(client.topic<Chat>("room").messages)
            settle()
            repeat(100) { serverPublishes("room", Chat("ann", "$it")) }
            settle()

            transport.subscribedTopics.shouldBeEmpty()
            slow.resume.complete(Unit)
        }
    }

    test("flows fail when the server closes the client, and complete when the application does") {
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

    test("a raw topic emits messages of every type, a typed topic only published messages") {
        clientTest {
            val raw = collect(client.rawTopic("room").messages)
            val messages = collect(client.topic<Chat>("room").messages)
            transport.wire.push(Message("typing", "room"))
            serverPublishes("room", hello)

            raw.awaitItem() shouldBe Message("typing", "room")
            raw.awaitItem() shouldBe Message(MessageType.MESSAGE, "room", body = Body.of(hello))
            messages.awaitItem() shouldBe hello
            raw.cancel()
            messages.cancel()
        }
    }

    test("a payload of another type fails the flow, or is skipped with onBadPayload") {
        clientTest {
            val strict = collect(client.topic<Chat>("room").messages)
            val skipped = mutableListOf<String>()
            val lenient = collect(client.topic<Chat>("room", onBadPayload = { skipped += it.reason }).messages)
            transport.wire.push(Message(MessageType.MESSAGE, "room", body = Body.json("7")))
            serverPublishes("room", hello)

            strict.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.BadPayload
            lenient.awaitItem() shouldBe hello
            skipped.size shouldBe 1
            lenient.cancel()
        }
    }

    test("a payload can be null") {
        clientTest {
            client.topic<String?>("room").messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.MESSAGE, "room", body = Body.json("null")))

                awaitItem() shouldBe null
            }
        }
    }
})
