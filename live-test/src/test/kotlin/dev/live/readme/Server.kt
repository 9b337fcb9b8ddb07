package dev.live.readme

import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.application.log
import io.ktor.server.routing.application
import io.ktor.server.routing.routing
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable

// The server code of the README, and the users that it assumes.

@Serializable
data class Chat(val text: String, val from: String? = null)

class User(val name: String)

fun Application.chat() {
    install(Live) {
        session { queueCapacity = 256 } // messages queued per client; beyond it: close 4508
        origins { allow("https://app.example.com") } // pages of the server's own host are always allowed
    }
    routing {
        live<User>("/live") {
            authenticate { call -> call.bearerToken()?.let(users::byToken) } // null: 401
            topic<Chat>("room/{room}") {
                authorize { parameters["room"] != "secret" } // false: error forbidden
                onPublish { chat ->
                    if (chat.text.length > 2_000) reject("text is over 2000 characters") // error bad_payload
                    broadcast(chat.copy(from = meta.name)) // to all subscribers of the room
                }
            }
            request<String, Int>("count") { room -> application.live.topic("room/$room").subscribers }
            onClose { reason -> application.log.info("{} left: {}", session.id, reason) }
        }
    }
    launch { live.topic("room/lobby").publish(Chat("welcome", "server")) } // from anywhere
}

private val users = Users()

private class Users {
    fun byToken(token: String): User? =
        token.takeIf { it.startsWith("token of ") }?.let { User(it.removePrefix("token of ")) }
}
