package dev.live.readme

import dev.live.client.LiveClient
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

// What the README shows of the client, and the tokens that it takes for granted.

@Suppress("UNUSED_VARIABLE")
internal suspend fun CoroutineScope.client(tokens: Tokens) {
    val live = LiveClient("wss://example.com/live") {
        bearer { tokens.fresh() } // asked anew for each connection
    }
    val room = live.topic<Chat>("room/lobby")
    launch { live.state.collect { println(it) } } // Connecting, Connected, Waiting(delay, cause), Paused(why), Closed
    launch { room.messages.collect { println("${it.from}: ${it.text}") } } // subscribes; cancelling unsubscribes
    room.publish(Chat("hello")) // returns when the server has acked it
    val people: Int = live.request("count", "lobby")
    live.close()
}

internal fun interface Tokens {
    suspend fun fresh(): String
}
