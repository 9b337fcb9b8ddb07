package dev.live.server

import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.sse.EventStreams
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.get
import io.ktor.server.routing.route

/**
 * A WebSocket endpoint at [path]; see [LiveEndpoint] for the declarations in [configure].
 *
 * Without `authenticate` every client is accepted, and [Meta] must be [Unit].
 *
 * @param Meta application data about the client, stored in the session
 * @return the endpoint, for other routes that serve the same clients
 * @throws IllegalStateException if [Live] is not installed, or if [Meta] is not [Unit] and the endpoint declares
 *   neither `authenticate` nor `authenticateByMessage`
 * @throws IllegalArgumentException if another endpoint declares the same topic pattern with different history,
 *   presence, delivery or `whileBrokerAway` settings
 */
public inline fun <reified Meta : Any> Route.live(
    path: String,
    noinline configure: LiveEndpoint<Meta>.() -> Unit = {},
): LiveRoute<Meta> {
    @Suppress("UNCHECKED_CAST") // Meta is Unit in this branch
    return liveEndpoint(path, if (Meta::class == Unit::class) Unit as Meta else null, configure)
}

/**
 * The implementation of `live`; [anonymous] is the meta of all clients without `authenticate`, null if it is required.
 */
@PublishedApi
internal fun <Meta : Any> Route.liveEndpoint(
    path: String,
    anonymous: Meta?,
    configure: LiveEndpoint<Meta>.() -> Unit,
): LiveRoute<Meta> {
    val server = application.live
    val endpoint = LiveEndpoint<Meta>(path).apply(configure)
    if (!endpoint.isAuthenticated) {
        checkNotNull(anonymous) {
            "live(\"$path\") has a meta type but no authenticate. Add authenticate { call -> ... }, " +
                "or declare live<Unit>(\"$path\")."
        }
        endpoint.authenticate { anonymous }
    }
    val spec = endpoint.build()
    val endpointServer = server.serve(spec)
    route(path) { handle { endpointServer.handle(call) } }
    spec.streams?.let { serveStreams(path, EventStreams(spec, server.context, endpointServer, it)) }
    return LiveRoute(spec, server.context)
}

private fun Route.serveStreams(path: String, streams: EventStreams<*>) {
    route(path) {
        route(streams.path) {
            get { streams.handle(call) }
        }
    }
}
