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
import kotlin.time.Duration.Companion.minutes

/** The application's own WebSockets, beside live: they are as they were. */
class OtherWebSocketsTest : FunSpec({

    for (engine in Engine.entries) {
        test("on $engine a WebSocket of Ktor's ends when its client ends its side of the connection") {
            val heard = CompletableDeferred<List<String>>()
            withServer(engine, { ownWebSocket(heard) }) {
                val client = RawSocket.upgrade(port, "/own")
                client.write(clientFrame(1, "hello".toByteArray()))

                client.endOutput()

                withTimeout(2.minutes) { heard.await() } shouldBe listOf("hello")
                client.close()
            }
        }
    }

    for (engine in listOf(Engine.Netty, Engine.PortableNetty)) {
        test("on $engine a WebSocket of Ktor's ends when its client ended its side before it was upgraded") {
            val heard = CompletableDeferred<List<String>>()
            withServer(engine, { ownWebSocket(heard) }) {
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

                    withTimeout(2.minutes) { heard.await() } shouldBe emptyList()
                }
            }
        }
    }
})

/** [heard] is what came in, once nothing more will. */
private fun Application.ownWebSocket(heard: CompletableDeferred<List<String>>) {
    install(Live)
    install(WebSockets)
    routing {
        webSocket("/own") {
            val texts = mutableListOf<String>()
            try {
                for (frame in incoming) if (frame is Frame.Text) texts += frame.readText()
            } finally {
                heard.complete(texts)
            }
        }
    }
}
