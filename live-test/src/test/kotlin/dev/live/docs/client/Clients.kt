package dev.live.docs.client

import dev.live.client.ClientTopic
import dev.live.client.LiveClient
import dev.live.client.connection.AppLifecycle
import dev.live.client.connection.NetworkMonitor
import dev.live.client.topic.TopicUpdate
import dev.live.readme.Chat
import dev.live.readme.Tokens
import dev.live.readme.User
import dev.live.server.endpoint.LiveEndpoint
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

// The code of docs/client.md.

@Suppress("UNUSED_VARIABLE")
internal fun create(tokens: Tokens) {
    val live = LiveClient("wss://example.com/live") {
        bearer { tokens.fresh() }
        outbox { messages = 256 }
    }
    val room = live.topic<Chat>("room/lobby")
}

internal fun withDeviceConditions(monitor: NetworkMonitor, app: AppLifecycle) {
    LiveClient("wss://example.com/live") {
        networkMonitor = monitor // network back: connect immediately; network changed: probe the connection
        lifecycle = app // in the background: disconnect after the grace period; in the foreground: connect immediately
        backgroundGrace = 10.seconds // default 30 s
    }
}

internal fun CoroutineScope.subscribe(room: ClientTopic<Chat>, show: (Chat) -> Unit) {
    launch { room.messages.collect { show(it) } }
    launch {
        room.updates
            .catch { failure -> println("ended: $failure") } // such as a rejected subscription
            .collect { update -> if (update is TopicUpdate.Subscribed) println(update.recovery) } // such as Gap
    }
}

internal suspend fun send(room: ClientTopic<Chat>) {
    room.publish(Chat("hello")) // returns after the server's ack
    if (!room.tryPublish(Chat("typing"))) println("the outbox is full") // never suspends
    room.publishOnce("m-17", Chat("paid")) // sent again after a reconnect; the server recognizes the key
}

internal fun LiveEndpoint<User>.idempotent() {
    topic<Chat>("room/{room}") {
        idempotent(window = 2.minutes)
    }
}
