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

/** What the collectors of a topic get, and how their flows end. */
class CollectorTest : FunSpec({

    test("messages arrive in the order they were sent") {
        clientTest {
            client.topic<Chat>("room").messages.test(timeout = HANG_TIMEOUT) {
                settle()
                repeat(50) { serverSays("room", Chat("ann", "$it")) }

                repeat(50) { awaitItem().text shouldBe "$it" }
            }
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
            client.messages.test(timeout = HANG_TIMEOUT) {
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

    test("a raw topic emits messages of every type, a typed topic only published messages") {
        clientTest {
            val raw = collect(client.rawTopic("room").messages)
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
            client.topic<String?>("room").messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.MESSAGE, "room", body = Body.json("null")))

                awaitItem() shouldBe null
            }
        }
    }
})
