@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.sync.support.FakeSyncServer
import dev.live.sync.support.HANG_TIMEOUT
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

class SyncSignalsTest : FunSpec({

    test("the ack says where the scope stands, messages say where it has come to, and nothing goes back") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            server.client().syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 4uL
                server.tell(6uL)
                awaitItem() shouldBe 6uL
                server.tell(5uL)
                server.tell(6uL)
                runCurrent()
                expectNoEvents()
                server.tell(ULong.MAX_VALUE)
                awaitItem() shouldBe ULong.MAX_VALUE
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("what was missed during an outage is in the ack of the next connection") {
        runTest {
            val server = FakeSyncServer(this)
            server.client().syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 0uL
                server.network.wire.cut()
                server.cursor = 9uL
                advanceTimeBy(5_000)
                awaitItem() shouldBe 9uL
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("a server that does not know says nothing, and the loop hears just that") {
        runTest {
            val server = FakeSyncServer(this).apply { knows = false }
            val live = server.client()
            live.syncUpdates("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe SyncSignal.Joined(null)
                server.tell(3uL)
                awaitItem() shouldBe SyncSignal.Told(3uL)
                cancelAndIgnoreRemainingEvents()
            }
            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                runCurrent()
                expectNoEvents()
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("a collector that comes later begins where the others are, not where the scope stood when they came") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            val early = mutableListOf<ULong>()
            backgroundScope.launch { live.syncSignals("s").collect { early += it } }
            runCurrent()
            server.tell(8uL)
            runCurrent()

            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 8uL
                server.tell(9uL)
                awaitItem() shouldBe 9uL
                cancelAndIgnoreRemainingEvents()
            }
            early shouldContainExactly listOf(4uL, 8uL, 9uL)
            server.network.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
        }
    }

    test("a loop that begins where others collect already hears what they heard, and not their old ack alone") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            backgroundScope.launch { live.syncSignals("s").collect {} }
            runCurrent()
            server.tell(8uL)
            runCurrent()
            val store = MemoryCursor(4uL)

            val loop = SyncLoop(live, "s", store) { 8uL }
            backgroundScope.launch { loop.run() }
            runCurrent()

            loop.state.value shouldBe SyncState.InSync(8uL)
        }
    }

    test("who collects again at once hears what came when nobody did, and nothing older") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            val early = mutableListOf<ULong>()
            val first = launch { live.syncSignals("s").collect { early += it } }
            runCurrent()
            server.tell(8uL)
            runCurrent()
            first.cancel()
            runCurrent()
            server.cursor = 9uL
            server.tell(9uL)
            advanceTimeBy(500)

            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 9uL
                expectNoEvents()
                cancelAndIgnoreRemainingEvents()
            }
            early shouldContainExactly listOf(4uL, 8uL)
        }
    }

    test("a loop whose own subscription is not answered is not in sync, whatever others have heard") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            backgroundScope.launch { live.syncSignals("s").collect {} }
            runCurrent()
            server.network.wire.cut()
            server.network.onMessage = { it.type == MessageType.SUBSCRIBE } // and no answer
            advanceTimeBy(1_001)
            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            val loop = SyncLoop(live, "s", MemoryCursor(4uL)) { awaitCancellation() }
            backgroundScope.launch { loop.run() }
            runCurrent()

            loop.state.value shouldBe SyncState.Offline(4uL)
        }
    }

    test("a loop is live again after a reconnect though the scope stands where it stood") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val loop = SyncLoop(server.client(), "s", MemoryCursor(4uL)) { awaitCancellation() }
            backgroundScope.launch { loop.run() }
            runCurrent()
            loop.state.value shouldBe SyncState.InSync(4uL)
            server.network.wire.cut()
            runCurrent()
            loop.state.value shouldBe SyncState.Offline(4uL)
            advanceTimeBy(1_001)

            loop.state.value shouldBe SyncState.InSync(4uL)
        }
    }

    test("a slow collector gets the newest and not all") {
        runTest {
            val server = FakeSyncServer(this)
            val got = mutableListOf<ULong>()
            val live = server.client()
            backgroundScope.launch {
                live.syncSignals("s").collect {
                    got += it
                    delay(100)
                }
            }
            runCurrent()
            for (cursor in 1uL..500uL) server.tell(cursor)
            advanceTimeBy(1_000)

            got.first() shouldBe 0uL
            got.last() shouldBe 500uL
            got.size shouldBeLessThan 4
        }
    }

    test("a scope that is refused fails the flow with what the server said, and completes with the client") {
        runTest {
            val server = FakeSyncServer(this)
            server.network.onMessage = { message ->
                (message.type == MessageType.SUBSCRIBE).also { if (it) refuse(message, "forbidden", "not yours") }
            }
            val live = server.client()
            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Forbidden
            }
            server.network.onMessage = { false }
            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                runCurrent()
                live.close()
                awaitComplete()
            }
        }
    }

    test("messages that are no signals are passed by") {
        runTest {
            val server = FakeSyncServer(this)
            server.client().syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 0uL
                server.network.wire.push(Message(MessageType.MESSAGE, "sync:s"))
                server.network.wire.push(Message("sync", "sync:s"))
                runCurrent()
                expectNoEvents()
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("what cannot be a scope is refused before anything is said to the server") {
        runTest {
            val live = FakeSyncServer(this).client()
            shouldThrow<IllegalArgumentException> { live.syncSignals("") }.message shouldBe "a scope must not be empty"
            shouldThrow<IllegalArgumentException> { live.syncSignals("x".repeat(1024)) }.message shouldBe
                "a scope must be at most 251 bytes of UTF-8, was at least 1024; name it by a shorter key"
            shouldThrow<IllegalArgumentException> { SyncLoop(live, "", MemoryCursor()) { awaitCancellation() } }
        }
    }
})
