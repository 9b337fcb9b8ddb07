package dev.live.benchmarks.load.peer

import dev.live.benchmarks.load.server.BLOCK_MILLIS
import dev.live.benchmarks.load.server.announce
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.routing.routing
import io.ktor.server.websocket.DefaultWebSocketServerSession
import io.ktor.server.websocket.WebSockets
import io.ktor.server.websocket.webSocket
import io.ktor.websocket.Frame
import io.ktor.websocket.readText
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** Delivers messages to the subscribers in a Ktor application. Thread-safe. */
internal interface Rooms {
    /** Subscribes [session] to [topic]. Returns when the subscription is active. */
    suspend fun subscribe(session: DefaultWebSocketServerSession, topic: String)

    suspend fun publish(topic: String, payload: ByteArray)
}

/** The plain protocol with Ktor's own `WebSockets` plugin in its default configuration. */
internal fun Application.plainProtocol(rooms: Rooms) {
    install(WebSockets)
    routing {
        webSocket("/live") {
            for (frame in incoming) if (frame is Frame.Text) answer(frame.readText(), rooms)
        }
    }
}

internal fun runKtorPeer(host: String, port: Int, server: EmbeddedServer<*, *>) {
    server.start(wait = false)
    announce(host, port)
}

private suspend fun DefaultWebSocketServerSession.answer(text: String, rooms: Rooms) {
    val rest = text.substring(2)
    when (text[0]) {
        'S' -> {
            rooms.subscribe(this, rest)
            outgoing.send(Frame.Text("A $rest"))
        }
        'P' -> rooms.publish(rest.substringBefore(' '), rest.substringAfter(' ').toByteArray())
        'E' -> outgoing.send(Frame.Text(rest))
        'B' -> {
            withContext(Dispatchers.IO) { Thread.sleep(BLOCK_MILLIS) }
            outgoing.send(Frame.Text(rest))
        }
    }
}
