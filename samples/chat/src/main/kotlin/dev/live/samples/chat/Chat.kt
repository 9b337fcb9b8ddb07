package dev.live.samples.chat

import dev.live.samples.shared.guestName
import dev.live.server.Live
import dev.live.server.LiveConfig
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.http.content.staticResources
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlin.time.Clock

/** A chat message. The server sets [from] and [at], and ignores the values of the client. */
@Serializable
data class Chat(val text: String, val from: String? = null, val at: String? = null)

/** The user of a session. A name is enough; there is no authentication. */
class Guest(val name: String)

/**
 * The complete chat server: one endpoint, one topic pattern, one page.
 *
 * @param configure further settings, such as the broker of several nodes
 */
fun Application.chat(configure: LiveConfig.() -> Unit = {}) {
    install(Live, configure)
    routing {
        live<Guest>("/live") {
            authenticate { call -> call.guestName()?.let(::Guest) }
            user { it.name }
            topic<Chat>("room/{room}") {
                onPublish { chat ->
                    val text = chat.text.trim()
                    if (text.isEmpty()) reject("text is empty")
                    if (text.length > MAX_TEXT) reject("text is over $MAX_TEXT characters")
                    broadcast(Chat(text, meta.name, Clock.System.now().toString()))
                }
            }
        }
        staticResources("/", "web")
    }
}

private const val MAX_TEXT = 2_000
