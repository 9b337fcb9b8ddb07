package dev.live.docs.operations

import dev.live.server.LiveHealth
import dev.live.server.liveHealth
import io.ktor.server.application.Application
import io.ktor.server.routing.Route
import io.ktor.server.routing.routing
import kotlin.time.Duration.Companion.seconds

/** The code of docs/production.md. */
internal fun Application.healthChecks() {
    routing {
        liveHealth("/health") // readiness
        liveHealth("/alive") { it != LiveHealth.BrokerEnded } // liveness
    }
}

internal fun Route.patientHealthCheck() {
    liveHealth("/health") { health ->
        health.isReady && !(health is LiveHealth.BrokerAway && health.duration > 30.seconds)
    }
}
