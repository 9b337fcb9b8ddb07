package dev.live.samples.tutorial.first

import dev.live.server.Live
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.netty.EngineMain
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable

fun main(args: Array<String>): Unit = EngineMain.main(args)

@Serializable
data class Chat(val text: String, val from: String? = null)

class User(val name: String)

fun Application.chat() {
    install(Live)
    routing {
        live<User>("/live") {
            authenticate { call -> call.request.queryParameters["name"]?.let(::User) } // null: HTTP 401
            topic<Chat>("room/{room}") {
                onPublish { chat ->
                    if (chat.text.length > 2_000) reject("text is over 2000 characters")
                    broadcast(chat.copy(from = meta.name)) // to all subscribers of the room
                }
            }
        }
    }
}
