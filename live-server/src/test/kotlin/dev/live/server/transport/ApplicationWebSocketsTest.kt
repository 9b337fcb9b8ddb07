package dev.live.server.transport

import dev.live.server.Live
import dev.live.server.support.Engine
import dev.live.server.support.RawSocket
import dev.live.server.support.clientFrame
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.ktor.server.websocket.WebSockets
import io.ktor.server.websocket.webSocket
import io.ktor.websocket.Frame
import io.ktor.websocket.readText
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.withTimeout
import java.net.InetSocketAddress
import java.net.Socket
import java.net.SocketException
import java.net.SocketTimeoutException
import kotlin.time.Duration.Companion.minutes

/** WebSockets of the application next to live work unchanged. */
class ApplicationWebSocketsTest : FunSpec({

    for (engine in Engine.usual) {
        test("on $engine a Ktor WebSocket ends when its client closes its side of the connection") {
            val own = OwnWebSocket()
            withServer(engine, { own.install(this) }) {
                val client = RawSocket.upgrade(port, "/own")
                // Ktor does not run its handler if the connection has already ended
                withTimeout(2.minutes) { own.started.await() }
                client.write(clientFrame(1, "hello".toByteArray()))

                client.endOutput()

                withTimeout(2.minutes) { own.received.await() } shouldBe listOf("hello")
                client.close()
            }
        }
    }

    for (engine in listOf(Engine.Netty, Engine.PortableNetty)) {
        test("on $engine a Ktor WebSocket ends when its client closed its side before the upgrade") {
            val own = OwnWebSocket()
            withServer(engine, { own.install(this) }) {
                Socket().use { client ->
                    client.connect(InetSocketAddress("127.0.0.1", port))
                    val request =
                        listOf(
                            "GET /own HTTP/1.1",
                            "Host: localhost",
                            "Upgrade: websocket",
                            "Connection: Upgrade",
                            "Sec-WebSocket-Version: 13",
                            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                            "",
                            "",
                        )
                    client.getOutputStream().write(request.joinToString("\r\n").toByteArray())

                    client.shutdownOutput()

                    client.soTimeout = 2.minutes.inWholeMilliseconds.toInt()
                    client.readToEnd()
                    // whether Ktor ran its handler depends on a race
                    if (own.started.isCompleted) withTimeout(2.minutes) { own.received.await() } shouldBe emptyList()
                }
            }
        }
    }
})

/** Reads until the server has closed the connection; a reset closes it as well. */
private fun Socket.readToEnd() {
    try {
        getInputStream().readAllBytes()
    } catch (e: SocketTimeoutException) {
        throw AssertionError("The server did not close the connection.", e)
    } catch (_: SocketException) {
        return
    }
}

/** A WebSocket of the application at `/own`. */
private class OwnWebSocket {
    val started = CompletableDeferred<Unit>()

    /** The received texts, completed at the end of the connection. */
    val received = CompletableDeferred<List<String>>()

    fun install(application: Application) {
        application.install(Live)
        application.install(WebSockets)
        application.routing {
            webSocket("/own") {
                started.complete(Unit)
                val texts = mutableListOf<String>()
                try {
                    for (frame in incoming) if (frame is Frame.Text) texts += frame.readText()
                } finally {
                    received.complete(texts)
                }
            }
        }
    }
}
