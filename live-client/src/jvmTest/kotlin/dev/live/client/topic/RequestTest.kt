package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.Chat
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
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
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe

/** Requests and messages of application-defined types. */
class RequestTest : FunSpec({

    test("a request returns the reply as its type") {
        clientTest {
            transport.onMessage = { push(Message(MessageType.REPLY, ref = it.ref, body = Body.json("7"))).let { true } }

            val count: Int = client.request("count", hello)

            count shouldBe 7
        }
    }

    test("a reply of another type is a bad payload") {
        clientTest {
            transport.onMessage =
                { push(Message(MessageType.REPLY, ref = it.ref, body = Body.json("[]"))).let { true } }

            shouldThrow<LiveException> { client.request<Chat, Int>("count", hello) }.code shouldBe ErrorCode.BadPayload
        }
    }

    test("replies are matched to their requests in any order") {
        clientTest {
            transport.onMessage = { true }
            val requests = List(3) { n -> start { client.request<Int, Int>("double", n) } }
            settle()
            transport.wire.received.reversed().forEach { request ->
                val n = (request.body as Body.Json).text.toInt()
                transport.wire.push(Message(MessageType.REPLY, ref = request.ref, body = Body.json("${2 * n}")))
            }

            requests.map { it.await() } shouldContainExactly listOf(0, 2, 4)
        }
    }

    test("an error without a payload fails with internal") {
        clientTest {
            transport.onMessage = { push(Message(MessageType.ERROR, ref = it.ref)).let { true } }

            shouldThrow<LiveException> { room().publish(hello) }.code shouldBe ErrorCode.Internal
        }
    }

    test("send sends a message unchanged, and its reply arrives in messages") {
        clientTest {
            transport.onMessage = { push(Message(MessageType.REPLY, ref = it.ref)).let { true } }
            client.messages.test(timeout = HANG_TIMEOUT) {
                client.send(Message("shout", ref = "mine"))

                awaitItem() shouldBe Message(MessageType.REPLY, ref = "mine")
            }
        }
    }

    test("an application's ping gets its pong, and other pongs are ignored") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.PONG, ref = "stray"))

                client.requestMessage(MessageType.PING).type shouldBe MessageType.PONG

                expectNoEvents()
            }
        }
    }

    test("a ref with the client's prefix is rejected") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.send(Message("shout", ref = "~1")) }.message shouldBe
                "ref must not begin with the reserved prefix '~', was '~1'"
        }
    }
})
