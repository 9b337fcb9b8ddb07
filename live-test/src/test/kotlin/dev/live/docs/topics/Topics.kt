package dev.live.docs.topics

import dev.live.client.LiveClient
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.readme.Chat
import dev.live.readme.User
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.live
import io.ktor.server.application.Application
import kotlinx.serialization.Serializable
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

// The code of docs/history.md, docs/presence.md and docs/delivery.md.

internal fun LiveEndpoint<User>.history() {
    topic<Chat>("room/{room}") {
        history(size = 100, age = 10.minutes)
    }
}

internal suspend fun updates(live: LiveClient, show: (Chat) -> Unit, reload: () -> Unit) {
    live.topic<Chat>("room/lobby").updates.collect { update ->
        when (update) {
            is TopicUpdate.Received -> show(update.value)
            is TopicUpdate.Subscribed -> if (update.recovery == Recovery.Gap) reload() // messages may be missing
        }
    }
}

internal suspend fun page(application: Application) {
    val page = application.live.topic("room/lobby").history()
    page.messages.forEach { message -> println("${message.offset}: ${message.body}") }
}

@Serializable
internal class Device(val kind: String)

internal fun LiveEndpoint<User>.presence() {
    topic<Chat>("room/{room}") {
        presence {
            info(Device("phone")) // optional data for the other members
            meta.name // the member key
        }
    }
}

internal fun LiveEndpoint<User>.devices() {
    topic<Chat>("room/{room}") {
        presence {
            info(paramsAs<Device>() ?: Device("unknown"))
            meta.name
        }
    }
}

internal fun withParams(live: LiveClient) {
    live.topic<Chat>("room/lobby").withParams(Device("phone")).presence<Device>()
}

internal suspend fun people(live: LiveClient) {
    live.topic<Chat>("room/lobby").presence<Device>().collect { people ->
        for ((name, devices) in people) println("$name is here with ${devices.size} devices")
    }
}

@Serializable
internal class Position(val vehicle: String)

@Serializable
internal class Load(val percent: Int)

@Serializable
internal class LogLine(val text: String)

internal fun LiveEndpoint<User>.delivery() {
    topic<Position>("fleet") { conflate { it.vehicle } } // keeps the newest message per vehicle
    topic<Load>("load") { throttle(100.milliseconds) } // at most ten messages per second
    topic<LogLine>("log") { dropOldest(limit = 200) } // keeps the newest 200 messages
}

internal fun drops(application: Application) {
    val drops = application.live.topic("fleet").drops
    println("${drops.conflated} replaced, ${drops.dropped} dropped")
}
