package dev.live.client

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import io.ktor.http.HttpHeaders
import io.ktor.server.application.install
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.Serializable

/**
 * The server for the JavaScript tests. It prints its port and exits when its standard input is closed, which happens
 * when the tests have ended.
 */
fun main() {
    val server =
        embeddedServer(Netty, port = 0, host = "127.0.0.1") {
            install(Live)
            val application = this
            routing {
                live<String>("/live") {
                    authenticate { call ->
                        val hasHeader = HttpHeaders.Authorization in call.request.headers // browsers cannot send it
                        call.bearerToken()?.takeIf { it.startsWith("right") && !hasHeader }
                    }
                    topic<Line>("room/{room}")
                    request<Line, Int>("length") { line -> line.text.length }
                    request<Unit, String>("token") { meta }
                    request<Unit, String>("session") { session.id }
                    request<Unit, List<String>>("sessions") { application.live.sessions.map { it.id } }
                    onMessage { message ->
                        when (message.type) {
                            "cut" -> session.close(CloseCode.GoingAway, "cut by the test")
                            "large" -> session.send(Message("large", body = Body.bytes(ByteArray(5_000))))
                        }
                    }
                }
            }
        }.start(wait = false)
    val port = runBlocking { server.engine.resolvedConnectors().first().port }
    println("listening on $port")
    System.`in`.readAllBytes()
    server.stop(gracePeriodMillis = 0, timeoutMillis = 1000)
}

@Serializable
private data class Line(val text: String)
