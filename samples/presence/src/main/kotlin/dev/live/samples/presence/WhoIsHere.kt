package dev.live.samples.presence

import dev.live.samples.shared.guestName
import dev.live.server.Live
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.http.content.staticResources
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The user of a session. A name is enough; there is no authentication. */
class Guest(val name: String)

/** The public info of one device of a user. */
@Serializable
data class Device(val kind: String)

/** A transient signal such as typing. The server sets [from]. */
@Serializable
data class Signal(val kind: String, val from: String? = null)

/**
 * Presence of a room: its users, their devices, and typing signals.
 *
 * @param grace how long a user stays present after the connection is lost
 */
fun Application.whoIsHere(grace: Duration = 5.seconds) {
    install(Live)
    routing {
        live<Guest>("/live") {
            authenticate { call -> call.guestName()?.let(::Guest) }
            user { it.name }
            topic<Signal>("room/{room}") {
                presence(grace) {
                    info(deviceIn(params)) // device info from the page
                    meta.name // sessions with the same name are one user
                }
                conflate { "${it.kind} ${it.from}" } // a slow client needs only the newest signal
                deliverToPublisher = false
                onPublish { signal ->
                    if (signal.kind !in SIGNALS) reject("kind must be one of $SIGNALS")
                    broadcast(Signal(signal.kind, meta.name))
                }
            }
        }
        staticResources("/", "web")
    }
}

/** Parses the device info of a page. Unknown values become a computer. */
private fun deviceIn(params: JsonElement?): Device {
    val said = ((params as? JsonObject)?.get("device") as? JsonPrimitive)?.contentOrNull
    return Device(said?.takeIf { it in DEVICES } ?: DEVICES.first())
}

private val DEVICES = listOf("computer", "phone")
private val SIGNALS = listOf("typing", "idle", "wave")
