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

/** Unexpected messages and invalid replies of the server. */
class UnexpectedMessagesTest : FunSpec({

    for ((description, message) in unexpected) {
        test("$description is ignored: the connection stays open, and topics and replies continue") {
            clientTest {
                val messages = collect(room().messages)

                transport.wire.push(message)
                settle()

                assertWorks()
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }

    test("any sequence of them is ignored") {
        checkAll(200, Arb.list(Arb.element(unexpected.map { it.second }), 1..60)) { sequence ->
            clientTest {
                val messages = collect(room().messages)

                sequence.forEach(transport.wire::push)
                settle()

                assertWorks()
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }

    test("unknown fields are ignored") {
        clientTest {
            val messages = collect(room().messages)
            val text = """{"v":9,"type":"message","topic":"room","data":{"from":"ann","text":"hello"},"x":[{}]}"""

            transport.wire.pushBytes(text.encodeToByteArray())

            messages.awaitItem() shouldBe hello
            messages.cancel()
        }
    }

    test("a second ack is ignored and not used for the next message") {
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

    test("an error after the ack is ignored") {
        clientTest {
            transport.onMessage = { message ->
                if (message.type == MessageType.PUBLISH) {
                    ack(message)
                    reject(message, "internal", "changed my mind")
                }
                message.type == MessageType.PUBLISH
            }

            room().publish(hello)
            settle()

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("messages that are no reply to this client and have no topic arrive in messages") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.ERROR, body = Body.json("""{"code":"bad_message"}""")))
                transport.wire.push(Message(MessageType.ACK, ref = "~77")) // the client's own ref, no longer pending
                transport.wire.push(Message(MessageType.ACK, ref = "unknown"))

                awaitItem().type shouldBe MessageType.ERROR
                awaitItem().ref shouldBe "unknown"
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
        test("an ack with $data is treated as an ack without history, also after a reconnect") {
            clientTest {
                transport.onMessage = { message ->
                    val isSubscribe = message.type == MessageType.SUBSCRIBE
                    if (isSubscribe) push(Message(MessageType.ACK, ref = message.ref, body = Body.json(data)))
                    isSubscribe
                }
                val messages = collect(room().messages)
                repeat(3) {
                    transport.wire.cut()
                    pass(1.seconds)
                }

                transport.requests shouldHaveSize 4
                transport.wire.sent(MessageType.SUBSCRIBE).single().body shouldBe null
                serverPublishes("room", hello)
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }

    test("an error with an invalid payload still fails its request") {
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

private val unexpected =
    listOf(
        "an ack for an unknown ref" to Message(MessageType.ACK, ref = "~zz"),
        "an ack for an application's ref" to Message(MessageType.ACK, ref = "mine"),
        "an ack without a ref" to Message(MessageType.ACK),
        "an ack for an unknown key" to Message(MessageType.ACK, ref = "=order-1"),
        "an error for an unknown ref" to
            Message(MessageType.ERROR, ref = "~zz", body = Body.json("""{"code":"internal"}""")),
        "an error without a ref" to Message(MessageType.ERROR),
        "a reply for an unknown ref" to Message(MessageType.REPLY, ref = "~zz"),
        "a reply to a request of the server" to Message(MessageType.REPLY, ref = "${'$'}1"),
        "a message of an unsubscribed topic" to
            Message(MessageType.MESSAGE, "elsewhere", body = Body.json("1")),
        "a message without a topic" to Message(MessageType.MESSAGE),
        "a presence message of an unsubscribed topic" to Message(MessageType.PRESENCE, "elsewhere"),
        "an invalid presence message" to Message(MessageType.PRESENCE, "room", body = Body.json("7")),
        "an unsubscribe of an unsubscribed topic" to Message(MessageType.UNSUBSCRIBE, "elsewhere"),
        "an unknown type" to Message("frobnicate", "elsewhere", body = Body.json("{}")),
        "a subscribe by the server" to Message(MessageType.SUBSCRIBE, "room"),
        "a publish, which only clients send" to Message(MessageType.PUBLISH, "elsewhere"),
        "a pong without a ping" to Message(MessageType.PONG, ref = "~zz"),
        "an expiring message without a token" to
            Message(MessageType.EXPIRING, body = Body.json("""{"inMs":-9}""")),
        "a goodbye without a payload" to Message(MessageType.GOODBYE),
    )

/** Checks that the first connection is still open, a publish is acked, and a message of the server arrives. */
private suspend fun ClientFixture.assertWorks() {
    client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
    transport.connections shouldHaveSize 1
    val publishing = start { client.topic<Chat>("other").publish(hello) }
    settle()
    publishing.await()
    serverPublishes("room", hello)
}
