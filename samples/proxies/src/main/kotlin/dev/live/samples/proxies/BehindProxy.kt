package dev.live.samples.proxies

import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.http.HttpHeaders
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.http.content.staticResources
import io.ktor.server.plugins.forwardedheaders.XForwardedHeaders
import io.ktor.server.plugins.origin
import io.ktor.server.routing.routing
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlin.time.Duration.Companion.seconds

/** The public address of the server, from the client's request. */
class Site(val scheme: String, val host: String)

/** The route of a connection: the addresses that the server sees behind the proxy. */
@Serializable
data class Route(val address: String, val site: String)

/** Reports to each client the route of its connection, and streams a clock over WebSocket and server-sent events. */
fun Application.behindProxy() {
    // The one proxy in front appends the client's address. Values before the last one come from the client itself.
    install(XForwardedHeaders) { useLastProxy() }
    install(Live)
    routing {
        live<Site>("/live") {
            serverSentEvents()
            authenticate { call -> Site(call.request.origin.scheme, call.request.headers[HttpHeaders.Host].orEmpty()) }
            topic<String>("lines")
            topic<Int>("clock")
            request<String, Route>("route") { Route(session.remoteAddress, "${meta.scheme}://${meta.host}") }
        }
        staticResources("/", "web")
    }
    launch {
        var seconds = 0
        while (true) {
            live.topic("clock").publish(seconds++)
            delay(1.seconds)
        }
    }
}
