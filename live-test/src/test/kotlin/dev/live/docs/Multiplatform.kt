package dev.live.docs

import dev.live.client.LiveClient
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable

// What docs/multiplatform.md shows, and what it takes for granted.

private object Common {
    @Serializable
    data class Chat(val text: String)

    fun interface Tokens {
        suspend fun fresh(): String
    }

    fun chat(scope: CoroutineScope, tokens: Tokens, show: (Chat) -> Unit): Pair<LiveClient, Job> {
        val live = LiveClient("wss://example.com/live") {
            codecs(MessagePackCodec, JsonCodec) // the first one that the server speaks
            bearer { tokens.fresh() }
        }
        val chat = scope.launch {
            live.topic<Chat>("room/42").messages.collect { show(it) } // goes on after a reconnect
        }
        return live to chat
    }
}
