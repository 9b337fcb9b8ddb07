package dev.live.readme

import dev.live.client.LiveClient
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

// The client code of the README, and the tokens that it assumes.

@Suppress("UNUSED_VARIABLE")
internal suspend fun CoroutineScope.client(tokens: Tokens) {
    val live = LiveClient("wss://example.com/live") {
        bearer { tokens.fresh() } // called before each connection attempt
    }
    val room = live.topic<Chat>("room/lobby")
    launch { live.state.collect { println(it) } } // Connecting, Connected, Waiting, Paused, Closed
    launch { room.messages.collect { println("${it.from}: ${it.text}") } } // subscribes; cancelling unsubscribes
    room.publish(Chat("hello")) // returns after the server's ack
    val people: Int = live.request("count", "lobby")
    live.close()
}

internal fun interface Tokens {
    suspend fun fresh(): String
}
