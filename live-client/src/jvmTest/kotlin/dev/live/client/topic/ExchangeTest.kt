package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.test.FakeWire
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlin.coroutines.ContinuationInterceptor
import kotlin.time.Duration.Companion.seconds

class ExchangeTest : FunSpec({

    test("publish returns with the server's ack and not before") {
        clientTest {
            transport.onMessage = { true }
            val publishing = start { room().publish(hello) }
            settle()
            publishing.isCompleted shouldBe false

            transport.wire.ack(transport.wire.received.single())
            settle()

            publishing.await()
        }
    }

    test("publish throws the server's code and reason") {
        clientTest {
            transport.onMessage = { message -> refuse(message, "not_subscribed", "join first").let { true } }

            val refused = shouldThrow<LiveException> { room().publish(hello) }

            refused.code shouldBe ErrorCode.NotSubscribed
            refused.reason shouldBe "join first"
        }
    }

    test("a publish that overtook the subscribe of a collector is published again behind it") {
        clientTest {
            transport.onMessage = ::refuseUnlessJoined
            val publishing = start { room().publish(hello) }
            val collecting = start { room().messages.first() }
            settle()

            publishing.await()
            collecting.await() shouldBe hello
            transport.wire.received.map { it.type }.take(3) shouldContainExactly
                listOf("publish", "subscribe", "publish")
        }
    }

    test("a publish that is refused again is not published a third time") {
        clientTest {
            transport.onMessage = { message ->
                (message.type == MessageType.PUBLISH).also { if (it) refuse(message, "not_subscribed", "join first") }
            }
            val collecting = start { room().messages.first() }
            settle()

            shouldThrow<LiveException> { room().publish(hello) }.code shouldBe ErrorCode.NotSubscribed

            transport.wire.sent(MessageType.PUBLISH).size shouldBe 2
            collecting.cancelAndJoin()
        }
    }

    test("only not_subscribed is a reason to publish again, and only with a collector") {
        for ((code, isCollected) in listOf("forbidden" to true, "not_subscribed" to false)) {
            clientTest {
                transport.onMessage = { message ->
                    (message.type == MessageType.PUBLISH).also { if (it) refuse(message, code, "no") }
                }
                val collecting = if (isCollected) start { room().messages.first() } else null
                settle()

                shouldThrow<LiveException> { room().publish(hello) }.code.wire shouldBe code

                transport.wire.sent(MessageType.PUBLISH).size shouldBe 1
                collecting?.cancelAndJoin()
            }
        }
    }

    test("the timeout of a publish counts for both times together") {
        clientTest {
            transport.onMessage = { it.type == MessageType.PUBLISH }
            val publishing = start { room().publish(hello, timeout = 3.seconds) }
            val collecting = start { room().messages.first() }
            pass(2.seconds)
            transport.wire.let { it.refuse(it.sent(MessageType.PUBLISH).single(), "not_subscribed", "join first") }
            pass(1.seconds)

            shouldThrow<LiveException> { publishing.await() }.code shouldBe ErrorCode.Timeout

            now shouldBe 3.seconds
            transport.wire.sent(MessageType.PUBLISH).size shouldBe 2
            collecting.cancelAndJoin()
        }
    }

    test("without a connection publish waits for one") {
        clientTest {
            settle()
            transport.wire.cut()
            settle()

            room().publish(hello)

            now shouldBe 1.seconds
            transport.connections.size shouldBe 2
        }
    }

    test("what could not be sent in time fails, and is not sent later") {
        clientTest {
            transport.isUnreachable = true

            val error = shouldThrow<LiveException> { room().publish(hello, timeout = 3.seconds) }

            error.code shouldBe ErrorCode.Timeout
            error.reason shouldBe "'publish' was not sent within 3s, for want of a connection"
            now shouldBe 3.seconds
        }
        clientTest {
            settle()
            transport.wire.cut()
            settle()
            shouldThrow<LiveException> { room().publish(hello, timeout = 0.5.seconds) }
            pass(5.seconds)

            transport.wire.received.shouldBeEmpty()
        }
    }

    test("a publish that is cancelled while it waits is not sent") {
        clientTest {
            settle()
            transport.wire.cut()
            settle()
            start { room().publish(hello) }.also { settle() }.cancelAndJoin()
            pass(5.seconds)

            transport.wire.received.shouldBeEmpty()
        }
    }

    test("without an answer in time it is said that the outcome is not known") {
        clientTest({ requestTimeout = 4.seconds }) {
            transport.onMessage = { true }

            shouldThrow<LiveException> { room().publish(hello) }.reason shouldBe
                "no answer to 'publish' within 4s; whether it was carried out is not known"
            now shouldBe 4.seconds
        }
    }

    test("a late answer is nobody's") {
        clientTest {
            transport.onMessage = { true }
            client.messages.test {
                shouldThrow<LiveException> { room().publish(hello, timeout = 1.seconds) }
                transport.wire.ack(transport.wire.received.single())
                settle()

                expectNoEvents()
            }
        }
    }

    test("a publish that is on its way when the connection breaks fails and is not sent again") {
        clientTest {
            transport.onMessage = { true }
            val publishing = start { room().publish(hello) }
            settle()
            transport.wire.cut()
            settle()

            shouldThrow<ConnectionLostException> { publishing.await() }.reason shouldBe
                "the connection broke before the answer to 'publish' came; whether it was carried out is not known"
            pass(5.seconds)
            transport.wire.received.shouldBeEmpty()
        }
    }

    test("64 messages wait for a connection; the 65th waits for room, and all go out in order") {
        clientTest {
            settle()
            transport.wire.cut()
            settle()
            val all = List(100) { n -> start { client.send(Message("n", ref = "$n")) } }
            pass(1.seconds)

            all.forEach { it.await() }
            transport.wire.received.map { it.ref } shouldContainExactly (0..99).map { "$it" }
        }
    }

    test("closing the client fails what waits, in the queue and for room in it") {
        clientTest {
            transport.isUnreachable = true
            val all = List(100) { start { room().publish(hello) } }
            settle()

            client.close()
            settle()

            all.forEach { shouldThrow<ClientClosedException> { it.await() } }
        }
    }

    test("a closed client refuses at once, and says who closed it") {
        clientTest {
            settle()
            transport.wire.cut(CloseCode.Kicked, "spam")
            settle()

            val reason = "the client is closed: the server closed with 4403 (spam)"
            shouldThrow<ClientClosedException> { room().publish(hello) }.reason shouldBe reason
            shouldThrow<ClientClosedException> { room().messages.collect {} }.reason shouldBe reason
            now shouldBe 0.seconds
        }
    }

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

    test("answers find their requests whatever their order") {
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

    test("an error that says nothing is still an error") {
        clientTest {
            transport.onMessage = { push(Message(MessageType.ERROR, ref = it.ref)).let { true } }

            shouldThrow<LiveException> { room().publish(hello) }.code shouldBe ErrorCode.Internal
        }
    }

    test("send hands a message over as it is, and its answer comes through messages") {
        clientTest {
            transport.onMessage = { push(Message(MessageType.REPLY, ref = it.ref)).let { true } }
            client.messages.test {
                client.send(Message("shout", ref = "mine"))

                awaitItem() shouldBe Message(MessageType.REPLY, ref = "mine")
            }
        }
    }

    test("a ping of the application's own has its pong as the answer, and no other pong is seen") {
        clientTest {
            client.messages.test {
                settle()
                transport.wire.push(Message(MessageType.PONG, ref = "stray"))

                client.requestMessage(MessageType.PING).type shouldBe MessageType.PONG

                expectNoEvents()
            }
        }
    }

    test("a ref of the client's own kind is refused") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.send(Message("shout", ref = "~1")) }.message shouldBe
                "ref must not begin with '~', was '~1'"
        }
    }

    test("a timeout that is not positive is refused") {
        clientTest {
            shouldThrow<IllegalArgumentException> { room().publish(hello, timeout = 0.seconds) }.message shouldBe
                "timeout must be positive, was 0s"
            shouldThrow<IllegalArgumentException> { client.requestMessage("x", timeout = (-1).seconds) }
                .shouldBeInstanceOf<IllegalArgumentException>()
        }
    }
})

private val hello = Chat("ann", "hello")

private fun refuseUnlessJoined(wire: FakeWire, message: Message): Boolean {
    val isTooEarly = message.type == MessageType.PUBLISH && message.topic !in wire.joined
    if (isTooEarly) wire.refuse(message, "not_subscribed", "join first")
    return isTooEarly
}

private fun ClientFixture.room() = client.topic<Chat>("room")

/** Runs [block] beside the test; its failure is the result's alone. */
private fun <T> ClientFixture.start(block: suspend () -> T): Deferred<T> =
    CoroutineScope(scope.coroutineContext[ContinuationInterceptor]!! + SupervisorJob()).async { block() }
