package dev.live.samples.tutorial.history

import dev.live.protocol.decode
import dev.live.server.Live
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.application
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable

@Serializable
data class Chat(val text: String, val from: String? = null)

@Serializable
data class Stored(val offset: Long, val chat: Chat)

class User(val name: String)

fun Application.chat() {
    install(Live)
    routing {
        live<User>("/live") {
            authenticate { call -> call.request.queryParameters["name"]?.let(::User) } // null: HTTP 401
            topic<Chat>("room/{room}") {
                history(size = 100) // replays messages missed while disconnected
                onPublish { chat ->
                    if (chat.text.length > 2_000) reject("text is over 2000 characters")
                    broadcast(chat.copy(from = meta.name)) // to all subscribers of the room
                }
            }
            request<String, List<Stored>>("latest") { room ->
                val history = application.live.topic("room/$room").history()
                history.messages.takeLast(10).map { Stored(it.offset!!, it.decode<Chat>()) }
            }
        }
    }
}
