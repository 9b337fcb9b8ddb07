package dev.live.samples.tutorial.presence

import dev.live.client.LiveClient
import dev.live.samples.tutorial.history.Chat
import dev.live.samples.tutorial.history.User
import dev.live.server.Live
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing

fun Application.chat() {
    install(Live)
    routing {
        live<User>("/live") {
            authenticate { call -> call.request.queryParameters["name"]?.let(::User) } // null: HTTP 401
            topic<Chat>("room/{room}") {
                history(size = 100) // replays messages missed while disconnected
                presence { meta.name } // the members currently subscribed
                onPublish { chat ->
                    if (chat.text.length > 2_000) reject("text is over 2000 characters")
                    broadcast(chat.copy(from = meta.name)) // to all subscribers of the room
                }
            }
        }
    }
}

suspend fun showMembers(live: LiveClient, room: String, show: (String) -> Unit) {
    live.topic<Chat>("room/$room").presence<Unit?>().collect { members ->
        show("* here: ${members.keys.sorted().joinToString()}")
    }
}
