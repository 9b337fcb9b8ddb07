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

/** Who is connected: anybody with a name. */
class Guest(val name: String)

/** What the others see of one of a person's devices. */
@Serializable
data class Device(val kind: String)

/** What somebody does at the moment, of which nothing is kept; [from] is filled in by the server. */
@Serializable
data class Signal(val kind: String, val from: String? = null)

/**
 * Who is in a room, on which devices, and who is typing.
 *
 * @param grace how long somebody whose connection broke counts as here
 */
fun Application.whoIsHere(grace: Duration = 5.seconds) {
    install(Live)
    routing {
        live<Guest>("/live") {
            authenticate { call -> call.guestName()?.let(::Guest) }
            user { it.name }
            topic<Signal>("room/{room}") {
                presence(grace) {
                    info(deviceIn(params)) // what the page says of itself
                    meta.name // all devices of one name are one person
                }
                conflate { "${it.kind} ${it.from}" } // who reads slowly wants to know what is, not what was
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

/** A page may say anything of itself; what is not known is a computer. */
private fun deviceIn(params: JsonElement?): Device {
    val said = ((params as? JsonObject)?.get("device") as? JsonPrimitive)?.contentOrNull
    return Device(said?.takeIf { it in DEVICES } ?: DEVICES.first())
}

private val DEVICES = listOf("computer", "phone")
private val SIGNALS = listOf("typing", "idle", "wave")
