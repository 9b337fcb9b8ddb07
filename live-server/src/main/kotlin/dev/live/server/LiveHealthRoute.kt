package dev.live.server

import dev.live.server.http.respondJson
import dev.live.server.http.respondWithoutBody
import io.ktor.http.HttpStatusCode
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.get
import io.ktor.server.routing.head
import io.ktor.server.routing.route
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/**
 * Serves the health of this node at [path] for load balancers and orchestrators, on GET and HEAD:
 * ```
 * liveHealth("/health")                                    // readiness
 * liveHealth("/alive") { it != LiveHealth.BrokerEnded }    // liveness: whether a restart would not help
 * ```
 * The response is 200 or 503 with a short JSON object, such as
 * `{"status":"draining","reason":"This node is shutting down."}`. `status` is one of `starting`, `ready`,
 * `broker_away`, `broker_ended` and `draining`. It contains no addresses and no secrets, so that the route needs no
 * authentication. See docs/production.md.
 *
 * @param isHealthy whether the response is 200, called for each request. Default: [LiveHealth.isReady]
 * @throws IllegalStateException if [Live] is not installed
 */
public fun Route.liveHealth(path: String, isHealthy: (LiveHealth) -> Boolean = { it.isReady }) {
    val server = application.live

    fun statusOf(health: LiveHealth) =
        if (isHealthy(health)) HttpStatusCode.OK else HttpStatusCode.ServiceUnavailable

    route(path) {
        get { server.health.let { call.respondJson(it.toJson(), statusOf(it)) } }
        head { call.respondWithoutBody(statusOf(server.health)) }
    }
}

private fun LiveHealth.toJson(): JsonObject =
    buildJsonObject {
        put("status", status)
        put("reason", reason)
    }

private val LiveHealth.status: String
    get() =
        when (this) {
            LiveHealth.Starting -> "starting"
            LiveHealth.Ready -> "ready"
            is LiveHealth.BrokerAway -> "broker_away"
            LiveHealth.BrokerEnded -> "broker_ended"
            LiveHealth.Draining -> "draining"
        }
