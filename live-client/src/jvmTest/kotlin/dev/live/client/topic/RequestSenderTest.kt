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

/** Publishing: waiting for a connection, for outbox space and for the reply. */
class RequestSenderTest : FunSpec({

    test("publish returns when the server's ack arrives") {
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

    test("publish throws an exception with the server's code and reason") {
        clientTest {
            transport.onMessage = { message -> reject(message, "not_subscribed", "join first").let { true } }

            val error = shouldThrow<LiveException> { room().publish(hello) }

            error.code shouldBe ErrorCode.NotSubscribed
            error.reason shouldBe "join first"
        }
    }

    test("publish waits for a connection") {
        clientTest {
            settle()
            transport.wire.cut()
            settle()

            room().publish(hello)

            now shouldBe 1.seconds
            transport.connections.size shouldBe 2
        }
    }

    test("a message that is not sent in time fails and is not sent later") {
        clientTest {
            transport.isUnreachable = true

            val error = shouldThrow<LiveException> { room().publish(hello, timeout = 3.seconds) }

            error.code shouldBe ErrorCode.Timeout
            error.reason shouldBe "'publish' was not sent within 3s: no connection or a slow network"
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

    test("a publish that is cancelled while waiting is not sent") {
        clientTest {
            settle()
            transport.wire.cut()
            settle()
            start { room().publish(hello) }.also { settle() }.cancelAndJoin()
            pass(5.seconds)

            transport.wire.received.shouldBeEmpty()
        }
    }

    test("without a reply in time, publish fails with an unknown outcome") {
        clientTest({ requestTimeout = 4.seconds }) {
            transport.onMessage = { true }

            shouldThrow<LiveException> { room().publish(hello) }.reason shouldBe
                "no reply to 'publish' within 4s; the server may have processed it"
            now shouldBe 4.seconds
        }
    }

    test("a late reply is ignored") {
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

    test("a publish in flight at a connection loss fails and is not resent") {
        clientTest {
            transport.onMessage = { true }
            val publishing = start { room().publish(hello) }
            settle()
            transport.wire.cut()
            settle()

            shouldThrow<ConnectionLostException> { publishing.await() }.reason shouldBe
                "the connection was lost before the reply to 'publish'; the server may have processed it"
            pass(5.seconds)
            transport.wire.received.shouldBeEmpty()
        }
    }

    test("64 messages wait for a connection, the 65th waits for space, and all are sent in order") {
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

    test("close fails queued messages and those that wait for space") {
        clientTest {
            transport.isUnreachable = true
            val all = List(100) { start { room().publish(hello) } }
            settle()

            client.close()
            settle()

            all.forEach { shouldThrow<ClientClosedException> { it.await() } }
        }
    }

    test("a closed client rejects calls immediately with the cause of the close") {
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

    test("a timeout that is not positive is rejected") {
        clientTest {
            shouldThrow<IllegalArgumentException> { room().publish(hello, timeout = 0.seconds) }.message shouldBe
                "timeout must be positive, was 0s"
            shouldThrow<IllegalArgumentException> { client.requestMessage("x", timeout = (-1).seconds) }
                .shouldBeInstanceOf<IllegalArgumentException>()
        }
    }
})
