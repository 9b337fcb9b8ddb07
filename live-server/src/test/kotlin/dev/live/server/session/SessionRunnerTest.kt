@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.frame.Opcode
import dev.live.server.observe.ServerCounters
import dev.live.server.support.FakeSocket.Closing
import dev.live.server.support.RecordingObserver
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.prepared
import dev.live.server.support.publish
import dev.live.server.support.sessionSettings
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.util.concurrent.Executors
import io.kotest.matchers.string.shouldContain as shouldContainText

class SessionRunnerTest : FunSpec({

    test("application code that a normal end cancels runs in the server's scope, not in the thread that writes") {
        val name = "server thread"
        Executors.newSingleThreadExecutor { Thread(it, name).apply { isDaemon = true } }.asCoroutineDispatcher().use {
            runTest {
                val server = CoroutineScope(it + Job())
                val one = TestSession(this, topics = TestTopics(server).registry)
                val cancelledOn = CompletableDeferred<String>()
                val run = one.start()
                one.session.launch {
                    suspendCancellableCoroutine<Unit> { waiting ->
                        waiting.invokeOnCancellation { cancelledOn.complete(Thread.currentThread().name) }
                    }
                }
                runCurrent()

                one.session.close()

                cancelledOn.await() shouldContainText name
                run.join()
                server.cancel()
            }
        }
    }

    context("however a session ends, it leaves its topics and the registry, and its socket is aborted") {
        for (ending in endings) {
            test("${ending.code}: ${ending.name}") {
                runTest {
                    val one = TestSession(this)
                    one.onMessage = { session, text ->
                        if (text ==
                            "join"
                        ) {
                            session.subscriptions.subscribe("t", one.handlers, ack)
                        } else {
                            error("the handler failed")
                        }
                    }
                    val run = one.start()
                    one.socket.sendText("join")
                    runCurrent()
                    one.sessions.size shouldBe 1
                    one.topics.find("t")!!.size shouldBe 1

                    ending.end(this, one, run)
                    runCurrent()

                    run.isCompleted shouldBe true
                    one.reasons.map { it.code } shouldBe listOf(ending.code)
                    one.session.isOpen shouldBe false
                    one.session.topics.shouldBeEmpty()
                    one.sessions.size shouldBe 0
                    one.sessions.ofUser("ann").shouldBeEmpty()
                    one.topics.find("t")!!.run { listOf(size, useCount) } shouldBe listOf(0, 0)
                    one.socket.closings shouldBe ending.closings
                    one.socket.isAborted shouldBe true
                    one.session.coroutineContext.job.isCompleted shouldBe true
                }
            }
        }
    }

    test("a client's close code is echoed, and a close without a code is normal") {
        for ((sent, echoed) in listOf(1000 to 1000, 1001 to 1001, 3000 to 3000, 4999 to 4999, 1005 to 1000)) {
            runTest {
                val one = TestSession(this)
                one.start()

                one.socket.sendClose(sent)
                runCurrent()

                one.socket.closings shouldBe listOf(Closing(echoed, "", closeReceived = true))
                one.reasons.single().byClient shouldBe true
            }
        }
    }

    test("queued messages are written before the server's close frame, even to a slow client") {
        runTest {
            val one = TestSession(this)
            val run = one.start()
            one.socket.stalled = true
            repeat(200) { one.session.trySend(textMessage("$it")) shouldBe true }

            one.session.close(CloseCode.GoingAway, "bye")
            one.session.trySend(textMessage("too late")) shouldBe false
            runCurrent()
            one.socket.closings.shouldBeEmpty()
            run.isCompleted shouldBe false
            one.socket.stalled = false
            runCurrent()

            one.socket.texts() shouldContainExactly List(200) { "$it" }
            one.socket.closings shouldBe listOf(Closing(1001, "bye", closeReceived = false))
        }
    }

    test("an overflowed queue is dropped, and the session closes with 4508") {
        runTest {
            val observer = RecordingObserver()
            val one = TestSession(this, sessionSettings(queueCapacity = 4), counters = ServerCounters(observer))
            one.onMessage = { session, _ -> session.subscriptions.subscribe("t", one.handlers, ack) }
            one.start()
            one.socket.sendText("join")
            runCurrent()
            one.socket.stalled = true

            repeat(10) {
                one.topics.publish("t")
                runCurrent()
            }

            one.socket.texts() shouldContainExactly listOf("ack")
            one.socket.closings shouldBe listOf(Closing(4508, "session queue overflowed", closeReceived = false))
            one.topics.find("t")!!.size shouldBe 0
            // counts queued and rejected messages, but not those being written, which may arrive
            observer.events() shouldContain "dropped 5 by close"
        }
    }

    test("no messages are read from a client until it has read half of its queue") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 4))
            val handled = mutableListOf<String>()
            one.onMessage = { session, text ->
                handled += text
                session.send(textMessage(text))
            }
            one.start()
            one.socket.stalled = true
            repeat(10) { one.socket.sendText("$it") }
            runCurrent()
            handled.size shouldBe 6 // three are being written and three are queued: more than half of four

            one.socket.stalled = false
            runCurrent()

            one.socket.texts() shouldContainExactly List(10) { "$it" }
            one.session.isOpen shouldBe true
            one.socket.sendClose()
        }
    }

    test("a client that waits for replies does not time out as silent") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 1))
            one.onMessage = { session, text -> session.send(textMessage(text)) }
            one.start()
            one.socket.stalled = true
            repeat(3) { one.socket.sendText("$it") }
            advanceTimeBy(9_000)
            one.session.state.sweep(currentTime + 70_000) // the write has taken more than ten seconds

            one.reasons shouldBe emptyList()
            one.session.state.endReason?.code shouldBe CloseCode.SlowConsumer
            one.socket.stalled = false
            runCurrent()
        }
    }

    test("every ping receives a pong in order, however slowly the client reads") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 4))
            one.start()
            one.socket.stalled = true
            repeat(100) { one.socket.ping(byteArrayOf(it.toByte())) }
            runCurrent()

            one.socket.stalled = false
            runCurrent()

            one.socket.payloadsOf(Opcode.Pong) shouldBe List(100) { listOf(it.toByte()) }
            one.socket.sendClose()
        }
    }

    test("messages sent before a close frame are replied to before the close") {
        runTest {
            val one = TestSession(this)
            one.onMessage = { session, text ->
                delay(1_000)
                session.send(textMessage(text))
            }
            one.start()
            repeat(3) { one.socket.sendText("$it") }
            one.socket.sendClose()
            runCurrent()
            one.socket.stalled = true

            advanceTimeBy(3_001)
            one.socket.closings.shouldBeEmpty()
            one.socket.stalled = false
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("0", "1", "2")
            one.socket.closings shouldBe listOf(Closing(1000, "", closeReceived = true))
        }
    }

    test("a client that closes but does not read is disconnected after the handler timeout") {
        runTest {
            val one = TestSession(this)
            one.onMessage = { session, text -> session.send(textMessage(text)) }
            val run = one.start()
            one.socket.stalled = true
            one.socket.sendText("a")
            one.socket.sendClose()

            advanceTimeBy(30_001)

            run.isCompleted shouldBe true
            one.reasons.single().byClient shouldBe true
        }
    }

    for ((code, window) in listOf(CloseCode.TryAgainLater to "[5000,10000]", CloseCode.Restart to "[1000,3000]")) {
        test("goodbye precedes close $code from any source, even with a full queue") {
            runTest {
                val one = TestSession(this, sessionSettings(queueCapacity = 2))
                one.start()
                one.socket.stalled = true
                while (one.session.trySend(textMessage("a"))) runCurrent()

                one.session.close(code, "later")
                one.socket.stalled = false
                runCurrent()

                one.socket.texts().last() shouldBe "goodbye"
                one.socket.closings shouldBe listOf(Closing(code.wire, "later", closeReceived = false))
            }
        }

        test("goodbye with the reconnect window $window precedes $code for a session rejected in onOpen") {
            runTest {
                val one = TestSession(this)
                one.onOpen = { CloseReason(code, "later", byClient = false) }
                one.start()

                one.socket.texts() shouldBe listOf("goodbye")
                one.socket.closings shouldBe listOf(Closing(code.wire, "later", closeReceived = false))
            }
        }
    }

    test("a full queue rejects trySend and keeps the session open") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 1))
            one.start()
            one.socket.stalled = true
            one.session.trySend(textMessage("being written"))
            runCurrent()

            one.session.trySend(textMessage("a")) shouldBe true
            one.session.trySend(textMessage("b")) shouldBe false

            one.session.isOpen shouldBe true
            one.socket.stalled = false
            one.socket.sendClose()
        }
    }

    test("the first close reason is used") {
        runTest {
            val one = TestSession(this)
            one.start()

            one.session.kick("first")
            one.session.close(CloseCode.Restart, "second")
            one.socket.dropConnection()
            runCurrent()

            one.socket.closings shouldBe listOf(Closing(4403, "first", closeReceived = false))
            one.reasons.map { "$it" } shouldBe listOf("4403 (first)")
        }
    }

    test("the first failure cancels all coroutines of the session") {
        runTest {
            val one = TestSession(this)
            val ended = mutableListOf<String>()
            one.onMessage = { _, _ -> endedBy("handler", ended) }
            val run = one.start()
            one.session.launch { endedBy("launched", ended) }
            one.socket.sendText("x")
            runCurrent()

            one.session.launch { error("failed") }
            runCurrent()

            ended.toSet() shouldBe setOf("handler", "launched")
            run.isCompleted shouldBe true
        }
    }

    test("a session rejected in onOpen reads nothing and closes with the reason") {
        runTest {
            val one = TestSession(this)
            val handled = mutableListOf<String>()
            one.onOpen = { CloseReason(CloseCode.TryAgainLater, "too many", byClient = false) }
            one.onMessage = { _, text -> handled += text }
            one.socket.sendText("x")

            one.start()

            handled.shouldBeEmpty()
            one.socket.closings shouldBe listOf(Closing(1013, "too many", closeReceived = false))
            one.sessions.size shouldBe 0
        }
    }

    test("a session closed in onOpen still writes its queued messages") {
        runTest {
            val one = TestSession(this)
            one.onOpen = { session ->
                session.send(textMessage("hello"))
                session.close(CloseCode.Normal, "that was all")
                null
            }

            one.start()

            one.socket.texts() shouldBe listOf("hello")
            one.socket.closings shouldBe listOf(Closing(1000, "that was all", closeReceived = false))
        }
    }

    test("onOpen runs to its end although it has closed the session and all messages are written") {
        runTest {
            val one = TestSession(this)
            var hasEnded = false
            one.onOpen = { session ->
                session.close(CloseCode.Normal)
                delay(1_000)
                hasEnded = true
                null
            }
            val run = one.start()

            run.join()

            hasEnded shouldBe true
            one.socket.closings shouldBe listOf(Closing(1000, "", closeReceived = false))
        }
    }

    test("messages of one session are handled one at a time in order") {
        runTest {
            val one = TestSession(this)
            val log = mutableListOf<String>()
            one.onMessage = { _, text ->
                log += "$text begins"
                delay(1_000)
                log += "$text ends"
            }
            one.start()

            one.socket.sendText("a")
            one.socket.sendText("b")
            advanceTimeBy(2_001)

            log shouldContainExactly listOf("a begins", "a ends", "b begins", "b ends")
            one.socket.sendClose()
        }
    }

    test("a ping receives a pong with its payload") {
        runTest {
            val one = TestSession(this)
            one.start()

            one.socket.ping(byteArrayOf(1, 2, 3))
            runCurrent()

            one.socket.payloadsOf(Opcode.Pong) shouldBe listOf(listOf<Byte>(1, 2, 3))
            one.socket.sendClose()
        }
    }

    test("a closing session handles no further message") {
        runTest {
            val one = TestSession(this)
            val handled = mutableListOf<String>()
            one.onMessage = { session, text ->
                handled += text
                session.kick("enough")
            }
            one.socket.sendText("a")
            one.socket.sendText("b")

            one.start()

            handled shouldBe listOf("a")
        }
    }

    test("a message received while the close is pending is not handled") {
        runTest {
            val one = TestSession(this)
            val handled = mutableListOf<String>()
            one.onMessage = { _, text -> handled += text }
            one.start()
            one.socket.stalled = true
            one.session.trySend(textMessage("last"))
            runCurrent()

            one.session.kick("enough")
            one.socket.sendText("late") // the reader was waiting before the kick
            runCurrent()
            one.socket.stalled = false
            runCurrent()

            handled.shouldBeEmpty()
            one.socket.closings shouldBe listOf(Closing(4403, "enough", closeReceived = false))
        }
    }

    test("a close frame received while the close is pending is replied to") {
        runTest {
            val one = TestSession(this)
            one.start()
            one.socket.stalled = true
            one.session.trySend(textMessage("last"))
            runCurrent()

            one.session.close(CloseCode.Kicked, "enough")
            one.socket.sendClose()
            runCurrent()
            one.socket.stalled = false
            runCurrent()

            one.socket.texts() shouldBe listOf("last")
            one.socket.closings shouldBe listOf(Closing(4403, "enough", closeReceived = true))
            one.reasons.single().byClient shouldBe false
        }
    }

    test("a client that does not complete the close handshake is disconnected after the close timeout") {
        runTest {
            val one = TestSession(this)
            val run = one.start()
            one.socket.answering = false

            one.session.close()
            advanceTimeBy(5_000)
            run.isCompleted shouldBe false
            one.reasons.size shouldBe 1 // onClose has run already
            runCurrent()

            run.isCompleted shouldBe true
            one.socket.isAborted shouldBe true
            currentTime shouldBe 5_000
        }
    }
})

private val ack = Message(MessageType.ACK)

/** A way in which a session ends: its close [code] for the application and the close frames written. */
private class Ending(
    val code: CloseCode,
    val name: String,
    val closings: List<Closing>,
    val end: suspend TestScope.(TestSession, Job) -> Unit,
)

private fun ending(
    code: CloseCode,
    name: String,
    reason: String?,
    closeReceived: Boolean = false,
    end: suspend TestScope.(TestSession, Job) -> Unit,
) = Ending(code, name, listOfNotNull(reason?.let { Closing(code.wire, it, closeReceived) }), end)

private val endings =
    listOf(
        ending(CloseCode.Normal, "the client closed", "", closeReceived = true) { one, _ -> one.socket.sendClose() },
        ending(CloseCode.Kicked, "the application kicked it", "enough") { one, _ -> one.session.kick("enough") },
        ending(CloseCode.Normal, "the application closed it in a session coroutine", "done") { one, _ ->
            one.session.launch { one.session.close(CloseCode.Normal, "done") }
        },
        ending(CloseCode.Abnormal, "the connection was lost during a read", reason = null) { one, _ ->
            one.socket.dropConnection()
        },
        ending(CloseCode.Abnormal, "the connection was lost during a write", reason = null) { one, _ ->
            one.socket.broken = true
            one.session.trySend(textMessage("a"))
        },
        ending(CloseCode.Kicked, "the connection was lost during the close", "enough") { one, _ ->
            one.socket.broken = true
            one.session.trySend(textMessage("a"))
            one.session.kick("enough")
        },
        ending(CloseCode.WebSocketViolated, "the client violated RFC 6455", "reason") { one, _ ->
            one.socket.violate(CloseCode.WebSocketViolated, "reason")
        },
        ending(CloseCode.TooLarge, "a message was too large", "reason") { one, _ ->
            one.socket.violate(CloseCode.TooLarge, "reason")
        },
        ending(CloseCode.Internal, "the handler failed", "internal error") { one, _ -> one.socket.sendText("fail") },
        ending(CloseCode.Internal, "a coroutine of the application failed", "internal error") { one, _ ->
            one.session.launch { error("failed") }
        },
        ending(CloseCode.Internal, "an assertion in a coroutine of the application failed", "internal error") {
            one,
            _,
            ->
            one.session.launch { throw AssertionError("failed") }
        },
        ending(CloseCode.Internal, "the codec failed", "internal error") { one, _ ->
            one.codec.broken = true
            one.session.launch { one.session.send(textMessage("a")) }
        },
        ending(CloseCode.GoingAway, "the call was cancelled", "server shutdown") { _, run -> run.cancel() },
        ending(CloseCode.GoingAway, "the call was cancelled during a write", "server shutdown") {
            one,
            run,
            ->
            one.socket.stalled = true
            one.session.trySend(textMessage("a"))
            runCurrent()
            run.cancel()
        },
        ending(CloseCode.SlowConsumer, "session queue overflowed", "session queue overflowed") { one, _ ->
            one.socket.stalled = true
            while (one.session.isOpen) one.session.state.deliver(prepared(textMessage("a")))
        },
    )

private suspend fun endedBy(name: String, ended: MutableList<String>) {
    try {
        awaitCancellation()
    } finally {
        ended += name
    }
}
