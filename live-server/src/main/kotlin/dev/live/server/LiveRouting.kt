package dev.live.server

import dev.live.server.endpoint.LiveEndpoint
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.get
import io.ktor.server.routing.route

/**
 * An endpoint at [path] that clients connect to with a WebSocket; see [LiveEndpoint] for what [configure] can declare.
 *
 * Without `authenticate` every client is let in, and then [Meta] must be [Unit].
 *
 * @param Meta what a session carries as its meta
 * @throws IllegalStateException if [Live] is not installed, or nothing says how a [Meta] is made
 */
public inline fun <reified Meta : Any> Route.live(
    path: String,
    noinline configure: LiveEndpoint<Meta>.() -> Unit = {},
) {
    @Suppress("UNCHECKED_CAST") // Meta is Unit there
    liveEndpoint(path, if (Meta::class == Unit::class) Unit as Meta else null, configure)
}

/** What `live` calls; [anonymous] is the meta of clients where there is no `authenticate`, if there can be one. */
@PublishedApi
internal fun <Meta : Any> Route.liveEndpoint(path: String, anonymous: Meta?, configure: LiveEndpoint<Meta>.() -> Unit) {
    val server = application.live
    val endpoint = LiveEndpoint<Meta>(path).apply(configure)
    if (endpoint.authenticate == null && endpoint.authenticateByMessage == null) {
        checkNotNull(anonymous) {
            "live(\"$path\") has a meta and no authenticate. Add authenticate { call -> ... }, or declare live<Unit>(\"$path\")."
        }
        endpoint.authenticate { anonymous }
    }
    val endpointServer = server.serve(endpoint)
    route(path) { handle { endpointServer.answer(call) } }
    val streams = endpointServer.streams ?: return
    route(path) {
        route(streams.path) {
            get { streams.answer(call) }
        }
    }
}
