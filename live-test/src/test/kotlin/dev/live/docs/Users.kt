package dev.live.docs

import dev.live.client.LiveClient
import dev.live.protocol.ErrorCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.Live
import dev.live.server.LiveServer
import dev.live.server.live
import dev.live.server.session.Session
import dev.live.server.session.publish
import dev.live.server.session.subscribedSessions
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.ktor.util.AttributeKey
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable

// The code of docs/users.md, and the types that it assumes.

@Serializable
internal data class Notice(val text: String)

internal class User(val name: String, val isAdmin: Boolean)

internal fun Application.club() {
    install(Live)
    val live = live
    routing {
        live<User>("/live") {
            authenticate { call -> call.request.queryParameters["name"]?.let { User(it, isAdmin = it == "ann") } }
            user { it.name }
            topic<Notice>("user/{name}") { authorize { parameters["name"] == meta.name } }
            topic<Notice>("room/{room}") { authorize { parameters["room"] != "admins" } }
            onOpen {
                session.subscribe("user/${meta.name}") // without a subscribe from the client
            }
            request<String, Boolean>("promote") { name ->
                if (!meta.isAdmin) reject("only for admins", ErrorCode.Forbidden)
                live.sessionsOf(name).forEach { it.subscribe("room/admins") }
                true
            }
        }
    }
}

internal suspend fun CoroutineScope.follow(live: LiveClient, show: (Notice) -> Unit) {
    live.messages.filter { it.type == MessageType.SUBSCRIBE }.collect { subscribed ->
        launch { live.topic<Notice>(subscribed.topic).messages.collect { show(it) } }
    }
}

internal object SubscribedSessions {
    suspend fun announce(live: LiveServer, from: Session<*>) {
        val room = live.topic("room/42")
        println(room.subscribedSessions().map { it.user })
        room.publish(Notice("user is typing"), except = from) // on every node
        room.publish(Notice("for admins")) { (it.meta as User).isAdmin }
    }
}

internal object Colors {
    private val Color = AttributeKey<String>("color")

    fun choose(session: Session<*>, color: String) {
        session.attributes.put(Color, color)
    }
}

internal fun reach(live: LiveServer) {
    live.sendToUser("ann", Message("reload")) // all sessions of the user
    live.broadcast(Message("reload")) // all sessions
    live.kickUser("ann", "account closed") // 4403: clients do not reconnect
}
