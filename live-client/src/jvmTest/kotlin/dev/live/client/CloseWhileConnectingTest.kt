package dev.live.client

import dev.live.client.transport.RawServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import java.net.ServerSocket
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

/** If a connect is cancelled while its socket opens, an engine can lose the socket without closing it. */
class CloseWhileConnectingTest : FunSpec({

    test("close while the socket opens leaves no open socket") {
        assertNoOpenSockets(others = 0)
    }

    test("close while the socket opens leaves no open socket if other clients share the engines") {
        assertNoOpenSockets(others = 16)
    }
})

private suspend fun assertNoOpenSockets(others: Int): Unit =
    RawServer(ServerSocket(0)) { getInputStream().read() }.use { server ->
        val openClients = List(others) { n -> server.connectingClient(n) }
        repeat(CLOSES) { n -> server.connectingClient(others + n).close() }

        eventually(HANG_TIMEOUT) { server.ended shouldBe CLOSES }
        openClients.forEach { it.close() }
    }

private fun RawServer.connectingClient(before: Int): LiveClient {
    // with a shorter timeout, an open client could connect twice
    val client = LiveClient("ws://127.0.0.1:$port/live") { connectTimeout = 1.hours }
    val end = System.nanoTime() + HANG_TIMEOUT.inWholeNanoseconds
    while (accepted <= before) check(System.nanoTime() < end) { "client $before did not connect" }
    return client
}

private const val CLOSES = 500 // with the engine's own timeout, about one in a hundred was lost
