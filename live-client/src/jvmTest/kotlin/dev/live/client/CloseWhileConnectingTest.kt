package dev.live.client

import dev.live.client.transport.RawServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import java.net.ServerSocket
import kotlin.time.Duration.Companion.seconds

/** An engine may lose a socket that is made in the moment in which nobody wants it any more: then nobody closes it. */
class CloseWhileConnectingTest : FunSpec({

    test("close in the very moment in which the server is reached leaves no socket") {
        RawServer(ServerSocket(0)) { getInputStream().read() }.use { server ->
            repeat(CLOSES) { n ->
                val client = LiveClient("ws://127.0.0.1:${server.port}/live")
                val end = System.nanoTime() + 10.seconds.inWholeNanoseconds
                while (server.accepted <= n) check(System.nanoTime() < end) { "client $n never came" }
                client.close()
            }

            eventually(10.seconds) { server.ended shouldBe CLOSES }
        }
    }
})

private const val CLOSES = 500 // without the engine's timeout out of the way about one in a hundred was lost
