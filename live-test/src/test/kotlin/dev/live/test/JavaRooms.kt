package dev.live.test

import dev.live.protocol.CloseCode
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.runBlocking

/** A server on a real socket for tests in Java. */
class JavaRooms : AutoCloseable {
    private val server = RealServer(Netty, Application::javaRooms)
    private val topic get() = server.application.live.topic("room/1")

    val url: String get() = "ws://127.0.0.1:${server.port}/live"
    val subscribers: Int get() = topic.subscribers

    init {
        runBlocking { server.start() }
    }

    fun publish(text: String): Unit = runBlocking { topic.publish(text) }

    /** Closes every connection. The clients reconnect. */
    fun disconnect(): Unit = server.application.live.sessions.forEach { it.close(CloseCode.GoingAway) }

    override fun close(): Unit = server.stop()
}

private fun Application.javaRooms() {
    install(Live) { traceContext = true }
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.headers["X-Name"] ?: "nobody" }
            topic<String>("room/{room}") {
                history(size = 10)
                presence {
                    info(paramsAs<String>() ?: "here")
                    meta
                }
            }
        }
    }
}
