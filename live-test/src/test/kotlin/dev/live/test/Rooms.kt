package dev.live.test

import dev.live.server.Live
import dev.live.server.LiveConfig
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import dev.live.server.session.Session
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import kotlinx.coroutines.awaitCancellation
import kotlinx.serialization.Serializable
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

@Serializable
internal data class Line(val text: String, val from: String? = null)

/** The application of these tests: chat rooms, requests and an application-defined message type. */
internal fun Application.rooms(): Unit = rooms { }

internal fun Application.rooms(configure: LiveConfig.() -> Unit) {
    install(Live) {
        drain { reconnectWindow = Duration.ZERO..1.milliseconds }
        configure()
    }
    routing {
        get("/health") { call.respondText("ok") }
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] ?: nameIn(call.bearerToken()) }
            user { it }
            topic<Line>("room/{room}") {
                authorize { parameters["room"] != "secret" }
                onPublish { line ->
                    if (line.text.isEmpty()) reject("text is empty")
                    broadcast(line.copy(from = meta))
                }
            }
            request<Line, Int>("length") { it.text.length }
            request<Line, Int>("hang") { awaitCancellation() }
            request<Line, Unit>("refuse") { reject("no: ${it.text}") }
            onMessage { message -> session.send(message) }
        }
    }
}

private fun nameIn(token: String?): String? =
    token?.takeIf { it.startsWith("token of ") }?.removePrefix("token of ")

internal fun Application.openSessions(): List<Session<*>> = live.sessions
