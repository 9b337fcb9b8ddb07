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

/** Requests from the server to this client. */
class OnRequestTest : FunSpec({

    test("a request of the server gets the handler's reply with its ref and topic") {
        clientTest {
            client.onRequest<Chat, Int>("length") { it.text.length }

            serverRequests("length", "$1", Body.of(hello), topic = "room")

            replies() shouldContainExactly
                listOf(Message(MessageType.REPLY, "room", "$1", Body.json("5")))
        }
    }

    test("a request without a handler gets unknown_type, and other messages get no reply") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                serverRequests("who", "$1")
                serverRequests("who", "mine")
                serverRequests("who", "")

                errors().map { it.code } shouldContainExactly listOf("unknown_type")
                awaitItem() shouldBe Message("who", ref = "mine")
                awaitItem() shouldBe Message("who")
            }
        }
    }

    test("an unexpected reply is not a request and is not passed to the application") {
        clientTest {
            client.onRequest<Chat, Int>("length") { it.text.length }
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                for (type in listOf(MessageType.ERROR, MessageType.REPLY, MessageType.ACK)) serverRequests(type, "$1")

                expectNoEvents()
                transport.wire.received.shouldBeEmpty()
            }
        }
    }

    test("a rejection of a handler reaches the server with its code") {
        clientTest {
            client.onRequest<Chat, Int>("length") { reject("not today", ErrorCode.Forbidden) }
            client.onRequest<Chat, Int>("other") { throw LiveException(ErrorCode.of("quota"), "used up", 3.seconds) }

            serverRequests("length", "$1", Body.of(hello))
            serverRequests("other", "$2", Body.of(hello))
            serverRequests("length", "$3", Body.json("7"))

            errors().map { listOf(it.code, it.reason, it.retryAfterMs) } shouldContainExactly
                listOf(
                    listOf("forbidden", "not today", null),
                    listOf("quota", "used up", 3_000L),
                    listOf("bad_payload", "data must be an object", null),
                )
        }
    }

    test("any other exception becomes internal and goes to the uncaught exception handler") {
        val uncaught = mutableListOf<Throwable>()
        val handler = CoroutineExceptionHandler { _, e -> uncaught += e }
        clientTest({ context += handler }) {
            client.onRequest<Chat, Int>("fail") { error("secret") }
            client.onRequest<Chat, Int>("lose") { throw ConnectionLostException("of another client") }
            client.onRequest<Chat, Int>("wait") { withTimeout(1.seconds) { awaitCancellation() } }

            for ((n, type) in listOf("fail", "lose", "wait").withIndex()) serverRequests(type, "$$n", Body.of(hello))
            pass(1.seconds)

            errors().map { it.code to it.reason }.toSet() shouldBe setOf("internal" to "the client's handler failed")
            errors().size shouldBe 3
            uncaught.take(2).map { it.message } shouldContainExactly
                listOf("secret", "connection_lost: of another client")
            // an uncaught CancellationException would not be reported
            uncaught.drop(2).map { it.cause!!::class } shouldContainExactly listOf(TimeoutCancellationException::class)
            client.send(Message("shout")) // the client keeps working
            transport.wire.sent("shout").size shouldBe 1
        }
    }

    test("a handler that exceeds its timeout is cancelled, and the server gets timeout") {
        clientTest {
            client.onRequest<Chat, Int>("hang") { awaitCancellation() }
            client.onRequest<Chat, Int>("brief", timeout = 2.seconds) { awaitCancellation() }
            serverRequests("hang", "$1", Body.of(hello))
            serverRequests("brief", "$2", Body.of(hello))

            pass(2.seconds)
            errors().map { it.code to it.reason } shouldContainExactly
                listOf("timeout" to "the handler took longer than 2s")
            pass(8.seconds)

            errors().size shouldBe 2
        }
    }

    test("at most 64 handlers run concurrently; one more is rejected until one has ended") {
        clientTest {
            val gate = CompletableDeferred<Unit>()
            var running = 0
            client.onRequest<Int, Int>("wait") {
                running++
                if (it != 64) gate.await()
                it
            }
            repeat(65) { serverRequests("wait", "$$it", Body.json("$it")) }

            running shouldBe 64
            errors().map { it.code } shouldContainExactly listOf("rate_limited")
            gate.complete(Unit)
            settle()
            serverRequests("wait", "\$again", Body.json("7"))

            transport.wire.sent(MessageType.REPLY).size shouldBe 65
        }
    }

    test("a handler is cancelled with its connection and does not reply on another one") {
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
            serverRequests("hang", "$1", Body.of(hello))
            serverRequests("late", "$2", Body.of(hello))

            transport.wire.cut()
            settle()
            ended.isCompleted shouldBe true
            gate.complete(Unit)
            pass(1.seconds)

            transport.connections.size shouldBe 2
            transport.wire.received.shouldBeEmpty()
            serverRequests("late", "$3", Body.of(hello))
            replies().map { it.ref } shouldContainExactly listOf("$3")
        }
    }

    test("a type has only one handler until that handler is closed") {
        clientTest {
            val first = client.onRequest<Chat, Int>("length") { 1 }
            shouldThrow<IllegalArgumentException> { client.onRequest<Chat, Int>("length") { 2 } }.message shouldBe
                "requests of type 'length' already have a handler. Close that handler first."
            first.close()
            client.onRequest<Chat, Int>("length") { 3 }
            first.close() // a second close has no effect on the new handler

            serverRequests("length", "$1", Body.of(hello))

            replies().map { it.body } shouldContainExactly listOf(Body.json("3"))
        }
    }

    test("types of the protocol are rejected") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.onRequestMessage("ack") { null } }.message shouldBe
                "request type 'ack' is reserved by the protocol. Choose another type."
        }
    }

    test("at most 64 rejections wait to be sent, and a sent one frees its space") {
        runTest {
            val outbox = Outbox(OutboxCapacity(messages = 64, bytes = 1_000_000))
            val handlers = RequestHandlers(this, coroutineContext, outbox)

            repeat(200) { handlers.handle(Message("who", ref = "$$it")) }

            generateSequence { outbox.tryTake() }.toList().size shouldBe 64
            handlers.handle(Message("who", ref = "$200"))
            outbox.tryTake()?.ref shouldBe "$200"
        }
    }

    test("an unsubscribe by the server fails the collectors, which can subscribe again") {
        clientTest {
            val room = client.topic<Chat>("room")
            room.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.UNSUBSCRIBE, "room"))

                val ended = awaitError() as LiveException
                ended.code shouldBe ErrorCode.NotSubscribed
                ended.reason shouldBe "the server unsubscribed this client from topic 'room'"
            }
            room.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 2
            }
        }
    }

    for ((data, suffix) in listOf("""{"reason":"the room is closed"}""" to ": the room is closed", "7" to "")) {
        test("the failure of the collectors contains the reason of an unsubscribe with the data $data, if it has one") {
            clientTest {
                client.topic<Chat>("room").messages.test(timeout = HANG_TIMEOUT) {
                    settle()
                    transport.wire.push(Message(MessageType.UNSUBSCRIBE, "room", body = Body.json(data)))

                    (awaitError() as LiveException).reason shouldBe
                        "the server unsubscribed this client from topic 'room'$suffix"
                }
            }
        }
    }

    test("a subscribe by the server is announced, and messages are dropped until the topic is collected") {
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

private fun ClientFixture.serverRequests(type: String, ref: String, body: Body? = null, topic: String = "") {
    settle()
    transport.wire.push(Message(type, topic, ref, body))
    settle()
}

private fun ClientFixture.replies(): List<Message> = transport.wire.sent(MessageType.REPLY)

private fun ClientFixture.errors(): List<ErrorData> = transport.wire.sent(MessageType.ERROR).map { it.decode() }
