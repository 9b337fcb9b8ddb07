package dev.live.client.java

import dev.live.protocol.Message
import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlin.time.Duration.Companion.minutes

/** A live server on a real socket with an endpoint for each method of the facade. Public for tests in Java. */
public class FacadeServer : AutoCloseable {
    private val server: EmbeddedServer<*, *> =
        embeddedServer(Netty, port = 0, host = "127.0.0.1") { facadeEndpoints() }.start(wait = false)

    public val url: String = "ws://127.0.0.1:${runBlocking { server.engine.resolvedConnectors().first().port }}/live"

    override fun close(): Unit = server.stop(gracePeriodMillis = 0, timeoutMillis = 1000)
}

private fun Application.facadeEndpoints() {
    install(Live) { traceContext = true }
    routing {
        live<String>("/live") {
            authenticate { call -> call.bearerToken() ?: "nobody" }
            user { it }
            topic<String>("room/{room}") {
                history(size = 10)
                idempotent()
                presence {
                    info(paramsAs<String>() ?: "here")
                    meta
                }
            }
            request<String, String>("echo", idempotent = 1.minutes) { it }
            onMessage { message ->
                // "ask": sends the client a request of the type in the message's ref; any other message is echoed
                if (message.type != "ask") session.send(Message("note", "", message.ref, null, null, ""))
                if (message.type == "ask") {
                    session.launch {
                        val reply: String = session.request(message.ref, "sure?")
                        session.send(Message("note", "", reply, null, null, ""))
                    }
                }
            }
        }
    }
}
