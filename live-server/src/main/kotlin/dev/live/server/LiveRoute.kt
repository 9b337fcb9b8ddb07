package dev.live.server

import dev.live.server.endpoint.EndpointSpec
import dev.live.server.http.EndpointContext
import dev.live.server.http.Identity
import dev.live.server.http.identify
import io.ktor.server.application.ApplicationCall

/**
 * A declared endpoint, as returned by [live], for other routes that serve the same clients.
 *
 * ```
 * val chat = live<User>("/live") { authenticate { call -> users.find(call.bearerToken()) } }
 * post("/files") {
 *     val user = chat.identify(call) ?: return@post call.respond(HttpStatusCode.Unauthorized)
 * }
 * ```
 */
public class LiveRoute<Meta : Any> internal constructor(
    private val endpoint: EndpointSpec<Meta>,
    private val context: EndpointContext,
) {
    /**
     * Identifies the client of [call], which may be any HTTP request, as the endpoint does for a WebSocket: checks the
     * origin, then calls `authenticate`. Sends no response.
     *
     * @return null if the origin is not allowed, or `authenticate` rejected the client or is not declared
     */
    public suspend fun identify(call: ApplicationCall): Meta? =
        when (val identity = context.identify(call, endpoint)) {
            is Identity.Authenticated -> identity.meta
            else -> null
        }
}
