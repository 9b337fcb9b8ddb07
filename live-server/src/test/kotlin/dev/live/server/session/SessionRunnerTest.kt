@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Publication
import dev.live.server.frame.Opcode
import dev.live.server.observe.ServerCounters
import dev.live.server.support.FakeSocket.Closing
import dev.live.server.support.RecordingObserver
import dev.live.server.support.TestSession
import dev.live.server.support.sessionSettings
import dev.live.server.support.wordMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

class SessionRunnerTest : FunSpec({

    context("however a session ends, its topics and the registry are left and its socket is let go") {
        for (ending in endings) {
            test("${ending.code}: ${ending.name}") {
                runTest {
                    val one = TestSession(this)
                    one.onMessage = { session, text ->
                        if (text ==
                            "join"
                        ) {
                            session.state.memberships.join("t", "", ack)
                        } else {
                            error("the handler failed")
                        }
                    }
                    val run = one.start()
                    one.socket.say("join")
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
                    one.topics.find("t")!!.run { listOf(size, users) } shouldBe listOf(0, 0)
                    one.socket.closings shouldBe ending.closings
                    one.socket.isAborted shouldBe true
                    one.session.coroutineContext.job.isCompleted shouldBe true
                }
            }
        }
    }

    test("a client's own code is echoed, and its goodbye without a code is a normal end") {
        for ((sent, echoed) in listOf(1000 to 1000, 1001 to 1001, 3000 to 3000, 4999 to 4999, 1005 to 1000)) {
            runTest {
                val one = TestSession(this)
                one.start()

                one.socket.sayGoodbye(sent)
                runCurrent()

                one.socket.closings shouldBe listOf(Closing(echoed, "", answering = true))
                one.reasons.single().byClient shouldBe true
            }
        }
    }

    test("what waits in the queue is written before the server's goodbye, however slow the client is") {
        runTest {
            val one = TestSession(this)
            val run = one.start()
            one.socket.stalled = true
            repeat(200) { one.session.trySend(wordMessage("$it")) shouldBe true }

            one.session.close(CloseCode.GoingAway, "bye")
            one.session.trySend(wordMessage("too late")) shouldBe false
            runCurrent()
            one.socket.closings.shouldBeEmpty()
            run.isCompleted shouldBe false
            one.socket.stalled = false
            runCurrent()

            one.socket.words() shouldContainExactly List(200) { "$it" }
            one.socket.closings shouldBe listOf(Closing(1001, "bye", answering = false))
        }
    }

    test("a queue that overflowed is dropped, and the client is told with 4508") {
        runTest {
            val observer = RecordingObserver()
            val one = TestSession(this, sessionSettings(queueCapacity = 4), counters = ServerCounters(observer))
            one.onMessage = { session, _ -> session.state.memberships.join("t", "", ack) }
            one.start()
            one.socket.say("join")
            runCurrent()
            one.socket.stalled = true

            repeat(10) {
                one.topics.deliver(Publication("t", body = null))
                runCurrent()
            }

            one.socket.words() shouldContainExactly listOf("ack")
            one.socket.closings shouldBe listOf(Closing(4508, "the queue overflowed", answering = false))
            one.topics.find("t")!!.size shouldBe 0
            // what waited and what found no room, but not what was in the writer's hands: it may arrive
            observer.told() shouldContain "dropped 5 by close"
        }
    }

    test("a client that does not read is not read from either, until it has taken half of what waits for it") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 4))
            val handled = mutableListOf<String>()
            one.onMessage = { session, text ->
                handled += text
                session.send(wordMessage(text))
            }
            one.start()
            one.socket.stalled = true
            repeat(10) { one.socket.say("$it") }
            runCurrent()
            handled.size shouldBe 6 // three in the writer's hands, and three that wait: more than half of four

            one.socket.stalled = false
            runCurrent()

            one.socket.words() shouldContainExactly List(10) { "$it" }
            one.session.isOpen shouldBe true
            one.socket.sayGoodbye()
        }
    }

    test("a client that waits for its answers is not silent") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 1))
            one.onMessage = { session, text -> session.send(wordMessage(text)) }
            one.start()
            one.socket.stalled = true
            repeat(3) { one.socket.say("$it") }
            advanceTimeBy(9_000)
            one.session.state.sweep(currentTime + 70_000) // of its writing, ten seconds are over

            one.reasons shouldBe emptyList()
            one.session.state.endReason?.code shouldBe CloseCode.SlowConsumer
            one.socket.stalled = false
            runCurrent()
        }
    }

    test("every ping is answered, in order, however slowly the client takes the answers") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 4))
            one.start()
            one.socket.stalled = true
            repeat(100) { one.socket.ping(byteArrayOf(it.toByte())) }
            runCurrent()

            one.socket.stalled = false
            runCurrent()

            one.socket.payloadsOf(Opcode.Pong) shouldBe List(100) { listOf(it.toByte()) }
            one.socket.sayGoodbye()
        }
    }

    test("what a client sent before its close frame is answered before the close") {
        runTest {
            val one = TestSession(this)
            one.onMessage = { session, text ->
                delay(1_000)
                session.send(wordMessage(text))
            }
            one.start()
            repeat(3) { one.socket.say("$it") }
            one.socket.sayGoodbye()
            runCurrent()
            one.socket.stalled = true

            advanceTimeBy(3_001)
            one.socket.closings.shouldBeEmpty()
            one.socket.stalled = false
            runCurrent()

            one.socket.words() shouldContainExactly listOf("0", "1", "2")
            one.socket.closings shouldBe listOf(Closing(1000, "", answering = true))
        }
    }

    test("a client that closes and takes no answers is cut after a handler's timeout") {
        runTest {
            val one = TestSession(this)
            one.onMessage = { session, text -> session.send(wordMessage(text)) }
            val run = one.start()
            one.socket.stalled = true
            one.socket.say("a")
            one.socket.sayGoodbye()

            advanceTimeBy(30_001)

            run.isCompleted shouldBe true
            one.reasons.single().byClient shouldBe true
        }
    }

    for ((code, window) in listOf(CloseCode.TryAgainLater to "[5000,10000]", CloseCode.Restart to "[1000,3000]")) {
        test("goodbye comes before $code, whoever closes with it, also where the queue is full") {
            runTest {
                val one = TestSession(this, sessionSettings(queueCapacity = 2))
                one.start()
                one.socket.stalled = true
                while (one.session.trySend(wordMessage("a"))) runCurrent()

                one.session.close(code, "later")
                one.socket.stalled = false
                runCurrent()

                one.socket.words().last() shouldBe "goodbye"
                one.socket.closings shouldBe listOf(Closing(code.wire, "later", answering = false))
            }
        }

        test("goodbye comes before $code where a session may not begin, with the window to come back in: $window") {
            runTest {
                val one = TestSession(this)
                one.onOpen = { CloseReason(code, "later", byClient = false) }
                one.start()

                one.socket.words() shouldBe listOf("goodbye")
                one.socket.closings shouldBe listOf(Closing(code.wire, "later", answering = false))
            }
        }
    }

    test("a session that is full for whoever tries to send lives on") {
        runTest {
            val one = TestSession(this, sessionSettings(queueCapacity = 1))
            one.start()
            one.socket.stalled = true
            one.session.trySend(wordMessage("in the writer's hands"))
            runCurrent()

            one.session.trySend(wordMessage("a")) shouldBe true
            one.session.trySend(wordMessage("b")) shouldBe false

            one.session.isOpen shouldBe true
            one.socket.stalled = false
            one.socket.sayGoodbye()
        }
    }

    test("only the first reason counts") {
        runTest {
            val one = TestSession(this)
            one.start()

            one.session.kick("first")
            one.session.close(CloseCode.Restart, "second")
            one.socket.breakOff()
            runCurrent()

            one.socket.closings shouldBe listOf(Closing(4403, "first", answering = false))
            one.reasons.map { "$it" } shouldBe listOf("4403 (first)")
        }
    }

    test("the first failure ends all that the session is doing") {
        runTest {
            val one = TestSession(this)
            val ended = mutableListOf<String>()
            one.onMessage = { _, _ -> endedBy("handler", ended) }
            val run = one.start()
            one.session.launch { endedBy("launched", ended) }
            one.socket.say("x")
            runCurrent()

            one.session.launch { error("failed") }
            runCurrent()

            ended.toSet() shouldBe setOf("handler", "launched")
            run.isCompleted shouldBe true
        }
    }

    test("a session that may not begin reads nothing and says why") {
        runTest {
            val one = TestSession(this)
            val handled = mutableListOf<String>()
            one.onOpen = { CloseReason(CloseCode.TryAgainLater, "too many", byClient = false) }
            one.onMessage = { _, text -> handled += text }
            one.socket.say("x")

            one.start()

            handled.shouldBeEmpty()
            one.socket.closings shouldBe listOf(Closing(1013, "too many", answering = false))
            one.sessions.size shouldBe 0
        }
    }

    test("a session that is closed while it opens still writes what it was sent") {
        runTest {
            val one = TestSession(this)
            one.onOpen = { session ->
                session.send(wordMessage("hello"))
                session.close(CloseCode.Normal, "that was all")
                null
            }

            one.start()

            one.socket.words() shouldBe listOf("hello")
            one.socket.closings shouldBe listOf(Closing(1000, "that was all", answering = false))
        }
    }

    test("messages of one session are handled one at a time, in order") {
        runTest {
            val one = TestSession(this)
            val log = mutableListOf<String>()
            one.onMessage = { _, text ->
                log += "$text begins"
                delay(1_000)
                log += "$text ends"
            }
            one.start()

            one.socket.say("a")
            one.socket.say("b")
            advanceTimeBy(2_001)

            log shouldContainExactly listOf("a begins", "a ends", "b begins", "b ends")
            one.socket.sayGoodbye()
        }
    }

    test("a ping is answered with its payload") {
        runTest {
            val one = TestSession(this)
            one.start()

            one.socket.ping(byteArrayOf(1, 2, 3))
            runCurrent()

            one.socket.payloadsOf(Opcode.Pong) shouldBe listOf(listOf<Byte>(1, 2, 3))
            one.socket.sayGoodbye()
        }
    }

    test("a session that says its last words handles nothing more") {
        runTest {
            val one = TestSession(this)
            val handled = mutableListOf<String>()
            one.onMessage = { session, text ->
                handled += text
                session.kick("enough")
            }
            one.socket.say("a")
            one.socket.say("b")

            one.start()

            handled shouldBe listOf("a")
        }
    }

    test("a message that comes while a session says its last words is not handled") {
        runTest {
            val one = TestSession(this)
            val handled = mutableListOf<String>()
            one.onMessage = { _, text -> handled += text }
            one.start()
            one.socket.stalled = true
            one.session.trySend(wordMessage("last"))
            runCurrent()

            one.session.kick("enough")
            one.socket.say("late") // the reader has been waiting since before the kick
            runCurrent()
            one.socket.stalled = false
            runCurrent()

            handled.shouldBeEmpty()
            one.socket.closings shouldBe listOf(Closing(4403, "enough", answering = false))
        }
    }

    test("a close frame that comes while a session says its last words is the client's only one, and is answered") {
        runTest {
            val one = TestSession(this)
            one.start()
            one.socket.stalled = true
            one.session.trySend(wordMessage("last"))
            runCurrent()

            one.session.close(CloseCode.Kicked, "enough")
            one.socket.sayGoodbye()
            runCurrent()
            one.socket.stalled = false
            runCurrent()

            one.socket.words() shouldBe listOf("last")
            one.socket.closings shouldBe listOf(Closing(4403, "enough", answering = true))
            one.reasons.single().byClient shouldBe false
        }
    }

    test("a client that does not complete the handshake is cut after the close timeout") {
        runTest {
            val one = TestSession(this)
            val run = one.start()
            one.socket.answering = false

            one.session.close()
            advanceTimeBy(5_000)
            run.isCompleted shouldBe false
            one.reasons.size shouldBe 1 // nobody else waits for that client
            runCurrent()

            run.isCompleted shouldBe true
            one.socket.isAborted shouldBe true
            currentTime shouldBe 5_000
        }
    }
})

private val ack = Message(MessageType.ACK)

/** A way for a session to end: its [code] for the application, and the close frames that are written. */
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
    answering: Boolean = false,
    end: suspend TestScope.(TestSession, Job) -> Unit,
) = Ending(code, name, listOfNotNull(reason?.let { Closing(code.wire, it, answering) }), end)

private val endings =
    listOf(
        ending(CloseCode.Normal, "the client said goodbye", "", answering = true) { one, _ -> one.socket.sayGoodbye() },
        ending(CloseCode.Kicked, "the application kicked it", "enough") { one, _ -> one.session.kick("enough") },
        ending(CloseCode.Normal, "the application closed it from a coroutine of its own", "done") { one, _ ->
            one.session.launch { one.session.close(CloseCode.Normal, "done") }
        },
        ending(CloseCode.Abnormal, "the connection broke while it read", reason = null) { one, _ ->
            one.socket.breakOff()
        },
        ending(CloseCode.Abnormal, "the connection broke while it wrote", reason = null) { one, _ ->
            one.socket.broken = true
            one.session.trySend(wordMessage("a"))
        },
        ending(CloseCode.Kicked, "the connection broke while it wrote its last words", "enough") { one, _ ->
            one.socket.broken = true
            one.session.trySend(wordMessage("a"))
            one.session.kick("enough")
        },
        ending(CloseCode.WebSocketViolated, "the client violated RFC 6455", "what") { one, _ ->
            one.socket.violate(CloseCode.WebSocketViolated, "what")
        },
        ending(CloseCode.TooLarge, "a message was too large", "what") { one, _ ->
            one.socket.violate(CloseCode.TooLarge, "what")
        },
        ending(CloseCode.Internal, "the handler failed", "internal error") { one, _ -> one.socket.say("fail") },
        ending(CloseCode.Internal, "a coroutine of the application failed", "internal error") { one, _ ->
            one.session.launch { error("failed") }
        },
        ending(CloseCode.Internal, "an assertion in a coroutine of the application failed", "internal error") {
            one,
            _,
            ->
            one.session.launch { throw AssertionError("failed") }
        },
        ending(CloseCode.Internal, "the codec could not write a message for it", "internal error") { one, _ ->
            one.codec.broken = true
            one.session.launch { one.session.send(wordMessage("a")) }
        },
        ending(CloseCode.GoingAway, "its caller was cancelled", "the server stops") { _, run -> run.cancel() },
        ending(CloseCode.GoingAway, "its caller was cancelled in the middle of a write", "the server stops") {
            one,
            run,
            ->
            one.socket.stalled = true
            one.session.trySend(wordMessage("a"))
            runCurrent()
            run.cancel()
        },
        ending(CloseCode.SlowConsumer, "its queue overflowed", "the queue overflowed") { one, _ ->
            one.socket.stalled = true
            while (one.session.isOpen) one.session.state.deliver(one.session.prepare(wordMessage("a")))
        },
    )

private suspend fun endedBy(name: String, ended: MutableList<String>) {
    try {
        awaitCancellation()
    } finally {
        ended += name
    }
}
