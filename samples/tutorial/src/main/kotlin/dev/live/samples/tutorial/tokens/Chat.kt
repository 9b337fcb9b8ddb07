package dev.live.samples.tutorial.tokens

import dev.live.protocol.decode
import dev.live.samples.tutorial.history.Chat
import dev.live.samples.tutorial.history.Stored
import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.netty.EngineMain
import io.ktor.server.request.receiveParameters
import io.ktor.server.response.respond
import io.ktor.server.response.respondText
import io.ktor.server.routing.application
import io.ktor.server.routing.post
import io.ktor.server.routing.routing

fun main(args: Array<String>): Unit = EngineMain.main(args)

fun Application.chat(): Unit = chatWith(Tokens(environment.config.property("chat.secret").getString()))

fun Application.chatWith(tokens: Tokens) {
    val passwords = mapOf("ann" to "apple", "bob" to "banana") // yours are hashed, in a database
    install(Live)
    routing {
        post("/login") {
            val form = call.receiveParameters()
            val name = form["name"]
            val password = name?.let { passwords[it] }
            if (name == null || password == null || password != form["password"]) {
                return@post call.respond(HttpStatusCode.Unauthorized)
            }
            call.respondText(tokens.issue(name))
        }
        live<User>("/live") {
            authenticate { call -> call.bearerToken()?.let(tokens::verify) } // null: HTTP 401
            authenticateByMessage { token -> tokens.verify(token) } // a renewed token; null: close 4401
            expires { it.tokenEnds }
            user { it.name }
            topic<Chat>("room/{room}") {
                authorize { parameters["room"] != "admins" || meta.name == "ann" } // false: error forbidden
                history(size = 100) // replays messages missed while disconnected
                presence { meta.name } // the members currently subscribed
                onPublish { chat ->
                    if (chat.text.length > 2_000) reject("text is over 2000 characters")
                    broadcast(chat.copy(from = meta.name)) // to all subscribers of the room
                }
            }
            request<String, List<Stored>>("latest") { room ->
                if (room == "admins" && meta.name != "ann") reject("the room is not open to you")
                val history = application.live.topic("room/$room").history()
                history.messages.takeLast(10).map { Stored(it.offset!!, it.decode<Chat>()) }
            }
        }
    }
}
