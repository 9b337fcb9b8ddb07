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

    test("cursors come from the ack and from messages, and never decrease") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            server.client().syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 4uL
                server.signal(6uL)
                awaitItem() shouldBe 6uL
                server.signal(5uL)
                server.signal(6uL)
                runCurrent()
                expectNoEvents()
                server.signal(ULong.MAX_VALUE)
                awaitItem() shouldBe ULong.MAX_VALUE
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("the ack after a reconnect has the cursor that was missed during the outage") {
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

    test("an ack without a cursor is reported to the loop only") {
        runTest {
            val server = FakeSyncServer(this).apply { sendsWelcome = false }
            val live = server.client()
            live.syncUpdates("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe SyncSignal.Subscribed(null)
                server.signal(3uL)
                awaitItem() shouldBe SyncSignal.Advanced(3uL)
                cancelAndIgnoreRemainingEvents()
            }
            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                runCurrent()
                expectNoEvents()
                cancelAndIgnoreRemainingEvents()
            }
        }
    }

    test("a later collector starts at the newest cursor of the others, not at the cursor of the first ack") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            val early = mutableListOf<ULong>()
            backgroundScope.launch { live.syncSignals("s").collect { early += it } }
            runCurrent()
            server.signal(8uL)
            runCurrent()

            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 8uL
                server.signal(9uL)
                awaitItem() shouldBe 9uL
                cancelAndIgnoreRemainingEvents()
            }
            early shouldContainExactly listOf(4uL, 8uL, 9uL)
            server.network.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
        }
    }

    test("a later loop receives the newest cursor of the other collectors, not only the first ack") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            backgroundScope.launch { live.syncSignals("s").collect {} }
            runCurrent()
            server.signal(8uL)
            runCurrent()
            val store = MemoryCursor(4uL)

            val loop = SyncLoop(live, "s", store) { 8uL }
            backgroundScope.launch { loop.run() }
            runCurrent()

            loop.state.value shouldBe SyncState.InSync(8uL)
        }
    }

    test("collecting again within the linger starts at the newest cursor") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            val early = mutableListOf<ULong>()
            val first = launch { live.syncSignals("s").collect { early += it } }
            runCurrent()
            server.signal(8uL)
            runCurrent()
            first.cancel()
            runCurrent()
            server.cursor = 9uL
            server.signal(9uL)
            advanceTimeBy(500)

            live.syncSignals("s").test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe 9uL
                expectNoEvents()
                cancelAndIgnoreRemainingEvents()
            }
            early shouldContainExactly listOf(4uL, 8uL)
        }
    }

    test("a loop is not in sync without an ack, even if other collectors received cursors") {
        runTest {
            val server = FakeSyncServer(this).apply { cursor = 4uL }
            val live = server.client()
            backgroundScope.launch { live.syncSignals("s").collect {} }
            runCurrent()
            server.network.wire.cut()
            server.network.onMessage = { it.type == MessageType.SUBSCRIBE } // without an ack
            advanceTimeBy(1_001)
            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            val loop = SyncLoop(live, "s", MemoryCursor(4uL)) { awaitCancellation() }
            backgroundScope.launch { loop.run() }
            runCurrent()

            loop.state.value shouldBe SyncState.Offline(4uL)
        }
    }

    test("a loop is in sync again after a reconnect with an unchanged cursor") {
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

    test("a slow collector receives the newest cursor and skips others") {
        runTest {
            val server = FakeSyncServer(this)
            val received = mutableListOf<ULong>()
            val live = server.client()
            backgroundScope.launch {
                live.syncSignals("s").collect {
                    received += it
                    delay(100)
                }
            }
            runCurrent()
            for (cursor in 1uL..500uL) server.signal(cursor)
            advanceTimeBy(1_000)

            received.first() shouldBe 0uL
            received.last() shouldBe 500uL
            received.size shouldBeLessThan 4
        }
    }

    test("a rejected scope fails the flow with the server's error, and closing the client completes it") {
        runTest {
            val server = FakeSyncServer(this)
            server.network.onMessage = { message ->
                (message.type == MessageType.SUBSCRIBE).also { if (it) reject(message, "forbidden", "not yours") }
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

    test("messages that are not sync signals are ignored") {
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

    test("an invalid scope is rejected before anything is sent") {
        runTest {
            val live = FakeSyncServer(this).client()
            shouldThrow<IllegalArgumentException> { live.syncSignals("") }.message shouldBe "a scope must not be empty"
            shouldThrow<IllegalArgumentException> { live.syncSignals("x".repeat(1024)) }.message shouldBe
                "a scope must be at most 251 bytes of UTF-8, was at least 1024; use a shorter name"
            shouldThrow<IllegalArgumentException> { SyncLoop(live, "", MemoryCursor()) { awaitCancellation() } }
        }
    }
})
