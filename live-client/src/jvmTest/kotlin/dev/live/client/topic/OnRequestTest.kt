package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

/** What the server asks this client. */
class OnRequestTest : FunSpec({

    test("a request of the server's has the handler's reply, with its ref and its topic") {
        clientTest {
            client.onRequest<Chat, Int>("length") { it.text.length }

            serverAsks("length", "$1", Body.of(hello), topic = "room")

            answers() shouldContainExactly
                listOf(Message(MessageType.REPLY, "room", "$1", Body.json("5")))
        }
    }

    test("a type without a handler is answered with unknown_type, and only if the server asks") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                serverAsks("who", "$1")
                serverAsks("who", "mine")
                serverAsks("who", "")

                errors().map { it.code } shouldContainExactly listOf("unknown_type")
                awaitItem() shouldBe Message("who", ref = "mine")
                awaitItem() shouldBe Message("who")
            }
        }
    }

    test("an answer that nobody waits for is no request, and no message of the application's") {
        clientTest {
            client.onRequest<Chat, Int>("length") { it.text.length }
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                for (type in listOf(MessageType.ERROR, MessageType.REPLY, MessageType.ACK)) serverAsks(type, "$1")

                expectNoEvents()
                transport.wire.received.shouldBeEmpty()
            }
        }
    }

    test("what a handler rejects reaches the server with its code") {
        clientTest {
            client.onRequest<Chat, Int>("length") { reject("not today", ErrorCode.Forbidden) }
            client.onRequest<Chat, Int>("other") { throw LiveException(ErrorCode.of("quota"), "used up", 3.seconds) }

            serverAsks("length", "$1", Body.of(hello))
            serverAsks("other", "$2", Body.of(hello))
            serverAsks("length", "$3", Body.json("7"))

            errors().map { listOf(it.code, it.reason, it.retryAfterMs) } shouldContainExactly
                listOf(
                    listOf("forbidden", "not today", null),
                    listOf("quota", "used up", 3_000L),
                    listOf("bad_payload", "data must be an object", null),
                )
        }
    }

    test("any other failure is internal to the server, and is heard of where uncaught exceptions go") {
        val uncaught = mutableListOf<Throwable>()
        val handler = CoroutineExceptionHandler { _, e -> uncaught += e }
        clientTest({ context += handler }) {
            client.onRequest<Chat, Int>("fail") { error("secret") }
            client.onRequest<Chat, Int>("lose") { throw ConnectionLostException("of another client") }
            client.onRequest<Chat, Int>("wait") { withTimeout(1.seconds) { awaitCancellation() } }

            for ((n, type) in listOf("fail", "lose", "wait").withIndex()) serverAsks(type, "$$n", Body.of(hello))
            pass(1.seconds)

            errors().map { it.code to it.reason }.toSet() shouldBe setOf("internal" to "the client's handler failed")
            errors().size shouldBe 3
            uncaught.take(2).map { it.message } shouldContainExactly
                listOf("secret", "connection_lost: of another client")
            // an exception that is a cancellation would be heard of nowhere
            uncaught.drop(2).map { it.cause!!::class } shouldContainExactly listOf(TimeoutCancellationException::class)
            client.send(Message("shout")) // it goes on
            transport.wire.sent("shout").size shouldBe 1
        }
    }

    test("a handler that takes too long is stopped and answered with timeout") {
        clientTest {
            client.onRequest<Chat, Int>("hang") { awaitCancellation() }
            client.onRequest<Chat, Int>("brief", timeout = 2.seconds) { awaitCancellation() }
            serverAsks("hang", "$1", Body.of(hello))
            serverAsks("brief", "$2", Body.of(hello))

            pass(2.seconds)
            errors().map { it.code to it.reason } shouldContainExactly
                listOf("timeout" to "the handler took longer than 2s")
            pass(8.seconds)

            errors().size shouldBe 2
        }
    }

    test("handlers run beside each other, 64 at most; one more is refused until one has ended") {
        clientTest {
            val gate = CompletableDeferred<Unit>()
            var running = 0
            client.onRequest<Int, Int>("wait") {
                running++
                if (it != 64) gate.await()
                it
            }
            repeat(65) { serverAsks("wait", "$$it", Body.json("$it")) }

            running shouldBe 64
            errors().map { it.code } shouldContainExactly listOf("rate_limited")
            gate.complete(Unit)
            settle()
            serverAsks("wait", "\$again", Body.json("7"))

            transport.wire.sent(MessageType.REPLY).size shouldBe 65
        }
    }

    test("a handler is cancelled when its connection ends, and answers on no other") {
        clientTest {
            val ended = CompletableDeferred<Unit>()
            val gate = CompletableDeferred<Unit>()
            client.onRequest<Chat, Int>("hang") {
                try {
                    awaitCancellation()
                } finally {
                    ended.complete(Unit)
                }
            }
            client.onRequest<Chat, Int>("late") {
                gate.await()
                7
            }
            serverAsks("hang", "$1", Body.of(hello))
            serverAsks("late", "$2", Body.of(hello))

            transport.wire.cut()
            settle()
            ended.isCompleted shouldBe true
            gate.complete(Unit)
            pass(1.seconds)

            transport.connections.size shouldBe 2
            transport.wire.received.shouldBeEmpty()
            serverAsks("late", "$3", Body.of(hello))
            answers().map { it.ref } shouldContainExactly listOf("$3")
        }
    }

    test("a type has one handler, until it is closed") {
        clientTest {
            val first = client.onRequest<Chat, Int>("length") { 1 }
            shouldThrow<IllegalArgumentException> { client.onRequest<Chat, Int>("length") { 2 } }.message shouldBe
                "requests of type 'length' have a handler already; close that one first"
            first.close()
            client.onRequest<Chat, Int>("length") { 3 }
            first.close() // again, which is not the second one's business

            serverAsks("length", "$1", Body.of(hello))

            answers().map { it.body } shouldContainExactly listOf(Body.json("3"))
        }
    }

    test("types of the protocol's own are refused") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.onRequestMessage("ack") { null } }.message shouldBe
                "request type 'ack' is one of the protocol's own; choose another"
        }
    }

    test("refusals that cannot be written are 64 at most, and what has been refused makes room") {
        runTest {
            val outbox = Outbox(OutboxRoom(messages = 64, bytes = 1_000_000))
            val handlers = RequestHandlers(this, coroutineContext, outbox)

            repeat(200) { handlers.handle(Message("who", ref = "$$it")) }

            generateSequence { outbox.tryTake() }.toList().size shouldBe 64
            handlers.handle(Message("who", ref = "$200"))
            outbox.tryTake()?.ref shouldBe "$200"
        }
    }

    test("a subscription that the server ends is told to its collectors, who may come back") {
        clientTest {
            val room = client.topic<Chat>("room")
            room.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.UNSUBSCRIBE, "room"))

                val ended = awaitError() as LiveException
                ended.code shouldBe ErrorCode.NotSubscribed
                ended.reason shouldBe "the server took this client out of topic 'room'"
            }
            room.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 2
            }
        }
    }

    test("a topic that the server joined is announced, and its messages are dropped until somebody collects it") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.SUBSCRIBE, "room"))
                transport.wire.push(Message(MessageType.MESSAGE, "room", body = Body.of(hello)))

                awaitItem() shouldBe Message(MessageType.SUBSCRIBE, "room")
                expectNoEvents()
            }
        }
    }
})

private fun ClientFixture.serverAsks(type: String, ref: String, body: Body? = null, topic: String = "") {
    settle()
    transport.wire.push(Message(type, topic, ref, body))
    settle()
}

private fun ClientFixture.answers(): List<Message> = transport.wire.sent(MessageType.REPLY)

private fun ClientFixture.errors(): List<ErrorData> = transport.wire.sent(MessageType.ERROR).map { it.decode() }
