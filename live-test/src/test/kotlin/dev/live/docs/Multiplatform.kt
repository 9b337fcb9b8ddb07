package dev.live.docs

import dev.live.client.LiveClient
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable

// The code of docs/multiplatform.md, and the types that it assumes.

private object Common {
    @Serializable
    data class Chat(val text: String)

    fun interface Tokens {
        suspend fun fresh(): String
    }

    fun chat(scope: CoroutineScope, tokens: Tokens, show: (Chat) -> Unit): Pair<LiveClient, Job> {
        val live = LiveClient("wss://example.com/live") {
            codecs(MessagePackCodec, JsonCodec) // the server selects the first one that it supports
            bearer { tokens.fresh() }
        }
        val chat = scope.launch {
            live.topic<Chat>("room/42").messages.collect { show(it) } // continues after a reconnect
        }
        return live to chat
    }
}
