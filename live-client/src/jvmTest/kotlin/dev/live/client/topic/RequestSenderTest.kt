package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlin.time.Duration.Companion.seconds

/** Publishing: the wait for a connection, for room and for the answer. */
class RequestSenderTest : FunSpec({

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
            client.messages.test(timeout = HANG_TIMEOUT) {
                shouldThrow<LiveException> { room().publish(hello, timeout = 1.seconds) }
                transport.wire.ack(transport.wire.sent(MessageType.PUBLISH).single())
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

    test("a timeout that is not positive is refused") {
        clientTest {
            shouldThrow<IllegalArgumentException> { room().publish(hello, timeout = 0.seconds) }.message shouldBe
                "timeout must be positive, was 0s"
            shouldThrow<IllegalArgumentException> { client.requestMessage("x", timeout = (-1).seconds) }
                .shouldBeInstanceOf<IllegalArgumentException>()
        }
    }
})
