@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.dialect.DialectTable
import dev.live.server.frame.Opcode
import dev.live.server.observe.ServerCounters
import dev.live.server.support.FakeSocket
import dev.live.server.support.RecordingObserver
import dev.live.server.support.TestSession
import dev.live.server.support.sessionSettings
import dev.live.server.support.textMessage
import dev.live.server.topic.DropCounters
import dev.live.server.topic.PreparedMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class SweeperTest : FunSpec({

    test("the server pings after exactly one heartbeat interval of silence, once per interval") {
        runTest {
            val one = sessionWithSweeper()
            one.start()

            advanceTimeTo(24_999)
            one.socket.count(Opcode.Ping) shouldBe 0
            advanceTimeTo(25_000)
            one.socket.count(Opcode.Ping) shouldBe 1
            advanceTimeTo(49_999)
            one.socket.count(Opcode.Ping) shouldBe 1
            advanceTimeTo(50_000)
            one.socket.count(Opcode.Ping) shouldBe 2
            one.socket.sendClose()
        }
    }

    test("a client that sends a message is not pinged, and a pong keeps the session open") {
        runTest {
            val one = sessionWithSweeper()
            one.start()

            advanceTimeTo(20_000)
            one.socket.sendText("here")
            advanceTimeTo(44_999)
            one.socket.count(Opcode.Ping) shouldBe 0
            advanceTimeTo(45_000)
            one.socket.count(Opcode.Ping) shouldBe 1
            one.socket.pong()
            advanceTimeTo(104_999)

            one.session.isOpen shouldBe true
            one.socket.sendClose()
        }
    }

    test("a client silent for the heartbeat timeout is closed with 4408") {
        runTest {
            val one = sessionWithSweeper()
            val run = one.start()

            advanceTimeTo(59_999)
            one.session.isOpen shouldBe true
            advanceTimeTo(60_000)

            run.isCompleted shouldBe true
            one.socket.closings shouldBe
                listOf(FakeSocket.Closing(4408, "no frame received for 1m", closeReceived = false))
        }
    }

    test("a client that reads nothing is closed with 4508 after the write timeout") {
        runTest {
            val one = sessionWithSweeper()
            one.start()
            one.socket.stalled = true

            advanceTimeTo(3_000)
            one.session.trySend(textMessage("a"))
            advanceTimeTo(12_999)
            one.session.isOpen shouldBe true
            advanceTimeTo(13_000)

            one.socket.closings shouldBe
                listOf(FakeSocket.Closing(4508, "client accepted no bytes for 10s", closeReceived = false))
        }
    }

    test("a slow client stays connected while each write completes within the timeout") {
        runTest {
            val one = sessionWithSweeper()
            one.start()

            repeat(5) {
                one.socket.stalled = true
                one.session.trySend(textMessage("a"))
                advanceTimeTo(currentTime + 9_000)
                one.socket.pong()
                one.socket.stalled = false
                runCurrent()
            }

            one.session.isOpen shouldBe true
            one.socket.sendClose()
        }
    }

    test("a closing session that cannot write is disconnected after the write timeout with its reason") {
        runTest {
            val one = sessionWithSweeper()
            val run = one.start()
            one.socket.stalled = true

            one.session.trySend(textMessage("a"))
            one.session.kick("enough")
            advanceTimeTo(9_999)
            run.isCompleted shouldBe false
            advanceTimeTo(10_000)

            run.isCompleted shouldBe true
            one.reasons.single().code shouldBe CloseCode.Kicked
        }
    }

    test("a timeout between two sweeps is detected at the next one") {
        runTest {
            val one =
                TestSession(
                    this,
                    sessionSettings(heartbeatInterval = 100.milliseconds, heartbeatTimeout = 1500.milliseconds),
                )
            backgroundScope.launch { Sweeper(one.sessions, one.topics, period = 1.seconds) { currentTime }.run() }
            one.start()

            advanceTimeTo(1_999)
            one.session.isOpen shouldBe true
            advanceTimeTo(2_000)

            one.session.isOpen shouldBe false
        }
    }

    test("an observer receives the queue depth at each sweep") {
        runTest {
            val observer = RecordingObserver()
            val one = TestSession(this, counters = ServerCounters(observer))
            val run = one.start()
            one.socket.stalled = true
            one.session.trySend(textMessage("word")) // the writer takes it and waits for the client
            runCurrent()
            repeat(3) { one.session.trySend(textMessage("word")) }
            backgroundScope.launch { Sweeper(one.sessions, one.topics, period = 1.seconds) { currentTime }.run() }

            advanceTimeTo(2_000)

            observer.samples.size shouldBe 2
            observer.samples.last().run { take(2) + last() } shouldBe listOf(1L, 3L, 3L)
            run.cancel()
        }
    }

    test("lossy messages count towards the queue depth") {
        runTest {
            val observer = RecordingObserver()
            val one = TestSession(this, counters = ServerCounters(observer))
            val run = one.start()
            one.socket.stalled = true
            one.session.trySend(textMessage("word"))
            runCurrent()
            val queue = one.session.state.queue
            one.session.trySend(textMessage("word"))
            val part = LossyQueue.TopicEntries(DropCounters())
            val table = DialectTable(listOf(one.codec))
            for (text in listOf("a", "bc")) {
                queue.offerLossy(part, text, PreparedMessage(textMessage(text), table), limit = 9)
            }
            backgroundScope.launch { Sweeper(one.sessions, one.topics, period = 1.seconds) { currentTime }.run() }

            advanceTimeTo(1_000)

            observer.samples.last() shouldBe listOf(1L, 3L, 7L, 3L)
            queue.removeLossy(part)
            (queue.count to queue.bytes) shouldBe (1 to 4L)
            run.cancel()
        }
    }
})

private fun TestScope.sessionWithSweeper(): TestSession {
    val one = TestSession(this)
    backgroundScope.launch { Sweeper(one.sessions, one.topics, period = 100.milliseconds) { currentTime }.run() }
    return one
}

private fun TestScope.advanceTimeTo(millis: Long) {
    advanceTimeBy(millis - currentTime)
    runCurrent()
}
