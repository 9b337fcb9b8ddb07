package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.connection.ConnectionState
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.kotest.property.Arb
import io.kotest.property.arbitrary.element
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import kotlin.time.Duration.Companion.seconds

/** Messages that nobody asked for, and answers that make no sense. */
class UnaskedTest : FunSpec({

    for ((what, message) in nonsense) {
        test("$what changes nothing: the connection stands, and topics and answers go on") {
            clientTest {
                val messages = collect(room().messages)

                transport.wire.push(message)
                settle()

                goesOn()
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }

    test("any row of them changes nothing either") {
        checkAll(200, Arb.list(Arb.element(nonsense.map { it.second }), 1..60)) { row ->
            clientTest {
                val messages = collect(room().messages)

                row.forEach(transport.wire::push)
                settle()

                goesOn()
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }

    test("fields that are not known are ignored") {
        clientTest {
            val messages = collect(room().messages)
            val text = """{"v":9,"type":"message","topic":"room","data":{"from":"ann","text":"hello"},"x":[{}]}"""

            transport.wire.pushBytes(text.encodeToByteArray())

            messages.awaitItem() shouldBe hello
            messages.cancel()
        }
    }

    test("a second ack is for nobody, and not for the next message") {
        clientTest {
            transport.onMessage = {
                if (it.type == MessageType.PUBLISH && it.ref == "~1") {
                    ack(it)
                    ack(it)
                }
                it.type == MessageType.PUBLISH
            }
            room().publish(hello)

            shouldThrow<LiveException> { room().publish(hello, 3.seconds) }.code shouldBe ErrorCode.Timeout
        }
    }

    test("an error after the ack is for nobody") {
        clientTest {
            transport.onMessage = { message ->
                if (message.type == MessageType.PUBLISH) {
                    ack(message)
                    refuse(message, "internal", "changed my mind")
                }
                message.type == MessageType.PUBLISH
            }

            room().publish(hello)
            settle()

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("what is an answer to nothing of this client's and of no topic goes to messages, for the application to see") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.ERROR, body = Body.json("""{"code":"bad_message"}""")))
                transport.wire.push(Message(MessageType.ACK, ref = "~77")) // of its own, given up long ago
                transport.wire.push(Message(MessageType.ACK, ref = "of-nobody"))

                awaitItem().type shouldBe MessageType.ERROR
                awaitItem().ref shouldBe "of-nobody"
            }
        }
    }

    for (data in listOf(
        """{"epoch":"","offset":1,"recovered":false}""",
        """{"epoch":"e","offset":-7,"recovered":false}""",
        """{"epoch":"${"e".repeat(65)}","offset":1,"recovered":false}""",
        """{"epoch":7}""",
        "[]",
        "null",
    )) {
        test("an ack of a subscription with $data counts as one without a history, now and after a reconnect") {
            clientTest {
                transport.onMessage = { message ->
                    val isJoin = message.type == MessageType.SUBSCRIBE
                    if (isJoin) push(Message(MessageType.ACK, ref = message.ref, body = Body.json(data)))
                    isJoin
                }
                val messages = collect(room().messages)
                repeat(3) {
                    transport.wire.cut()
                    pass(1.seconds)
                }

                transport.requests shouldHaveSize 4
                transport.wire.sent(MessageType.SUBSCRIBE).single().body shouldBe null
                serverSays("room", hello)
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }

    test("an error that says nothing, or nonsense, still fails what it answers") {
        clientTest {
            for (data in listOf(
                "{}",
                "[]",
                """{"code":"","reason":""}""",
                """{"code":"x","reason":"y","retryAfterMs":-5}""",
            )) {
                transport.onMessage = { message ->
                    push(Message(MessageType.ERROR, ref = message.ref, body = Body.json(data)))
                    true
                }

                shouldThrow<LiveException> { room().publish(hello) }
            }
            transport.connections shouldHaveSize 1
        }
    }
})

private val nonsense =
    listOf(
        "an ack for nobody" to Message(MessageType.ACK, ref = "~zz"),
        "an ack for an application's ref" to Message(MessageType.ACK, ref = "mine"),
        "an ack without a ref" to Message(MessageType.ACK),
        "an ack for a key that nobody waits for" to Message(MessageType.ACK, ref = "=order-1"),
        "an error for nobody" to Message(MessageType.ERROR, ref = "~zz", body = Body.json("""{"code":"internal"}""")),
        "an error without a ref" to Message(MessageType.ERROR),
        "a reply for nobody" to Message(MessageType.REPLY, ref = "~zz"),
        "a reply to a request of the server's" to Message(MessageType.REPLY, ref = "${'$'}1"),
        "a message for a topic that is not subscribed to" to
            Message(MessageType.MESSAGE, "elsewhere", body = Body.json("1")),
        "a message for no topic" to Message(MessageType.MESSAGE),
        "a presence of a topic that is not subscribed to" to Message(MessageType.PRESENCE, "elsewhere"),
        "a presence that is none" to Message(MessageType.PRESENCE, "room", body = Body.json("7")),
        "an unsubscribe from elsewhere" to Message(MessageType.UNSUBSCRIBE, "elsewhere"),
        "a type that is not known" to Message("frobnicate", "elsewhere", body = Body.json("{}")),
        "a subscribe, which is for clients to say" to Message(MessageType.SUBSCRIBE, "room"),
        "a publish, which is for clients to say" to Message(MessageType.PUBLISH, "elsewhere"),
        "a pong that nobody asked for" to Message(MessageType.PONG, ref = "~zz"),
        "an expiring of a token that there is not" to
            Message(MessageType.EXPIRING, body = Body.json("""{"inMs":-9}""")),
        "a goodbye that says nothing" to Message(MessageType.GOODBYE),
    )

/** The connection is the first one, what is published is acked, and what the server says arrives. */
private suspend fun ClientFixture.goesOn() {
    client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
    transport.connections shouldHaveSize 1
    val asked = start { client.topic<Chat>("other").publish(hello) }
    settle()
    asked.await()
    serverSays("room", hello)
}
