package dev.live.client

import dev.live.client.transport.RawServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import java.net.ServerSocket
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

/** An engine may lose a socket that is made in the moment in which nobody wants it any more: then nobody closes it. */
class CloseWhileConnectingTest : FunSpec({

    test("close in the very moment in which the server is reached leaves no socket") {
        closesLeaveNothing(others = 0)
    }

    test("nor does it where other clients go on with the same engines") {
        closesLeaveNothing(others = 16)
    }
})

private suspend fun closesLeaveNothing(others: Int): Unit =
    RawServer(ServerSocket(0)) { getInputStream().read() }.use { server ->
        val staying = List(others) { n -> server.clientThatCame(n) }
        repeat(CLOSES) { n -> server.clientThatCame(others + n).close() }

        eventually(HANG_TIMEOUT) { server.ended shouldBe CLOSES }
        staying.forEach { it.close() }
    }

private fun RawServer.clientThatCame(before: Int): LiveClient {
    val client = LiveClient("ws://127.0.0.1:$port/live") { connectTimeout = 1.hours } // who stays must not come twice
    val end = System.nanoTime() + HANG_TIMEOUT.inWholeNanoseconds
    while (accepted <= before) check(System.nanoTime() < end) { "client $before never came" }
    return client
}

private const val CLOSES = 500 // without the engine's timeout out of the way about one in a hundred was lost
