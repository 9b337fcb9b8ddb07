package dev.live.docs.client

import dev.live.client.ClientTopic
import dev.live.client.LiveClient
import dev.live.client.connection.AppLifecycle
import dev.live.client.connection.NetworkMonitor
import dev.live.readme.Chat
import dev.live.readme.Tokens
import dev.live.readme.User
import dev.live.server.endpoint.LiveEndpoint
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

// What docs/client.md shows.

@Suppress("UNUSED_VARIABLE")
internal fun made(tokens: Tokens) {
    val live = LiveClient("wss://example.com/live") {
        bearer { tokens.fresh() }
        outbox { messages = 256 }
    }
    val room = live.topic<Chat>("room/lobby")
}

internal fun surrounded(monitor: NetworkMonitor, app: AppLifecycle) {
    LiveClient("wss://example.com/live") {
        networkMonitor = monitor // one returned: connect at once; another one: does the connection still stand?
        lifecycle = app // in the background for 30 s: disconnect; back again: connect at once
        backgroundGrace = 10.seconds
    }
}

internal fun CoroutineScope.subscribed(room: ClientTopic<Chat>, show: (Chat) -> Unit) {
    launch { room.messages.collect { show(it) } }
    launch { room.events.collect { event -> println(event) } } // Subscribed, Recovered, Gap; Denied(error) is the last
}

internal suspend fun sent(room: ClientTopic<Chat>) {
    room.publish(Chat("hello")) // returns when the server has acked it
    if (!room.tryPublish(Chat("typing"))) println("too much waits already") // waits for nothing
    room.publishOnce("m-17", Chat("paid")) // sent again after a reconnect; the server knows its key
}

internal fun LiveEndpoint<User>.once() {
    topic<Chat>("room/{room}") {
        idempotent(window = 2.minutes)
    }
}
