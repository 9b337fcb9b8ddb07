package dev.live.samples.tutorial.history

import dev.live.client.LiveClient
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.LiveException
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch

/** Shows the messages of [room] and publishes each of [lines], until there are no more. */
suspend fun chat(live: LiveClient, room: String, lines: Flow<String>, show: (String) -> Unit): Unit =
    coroutineScope {
        val topic = live.topic<Chat>("room/$room")
        val receiving = launch { showMessages(live, room, show) }
        lines.collect { line ->
            try {
                topic.publish(Chat(line)) // returns after the server's ack
            } catch (e: LiveException) {
                show("* not sent: ${e.reason}")
            }
        }
        receiving.cancel()
    }

private suspend fun showMessages(live: LiveClient, room: String, show: (String) -> Unit) {
    var shown = 0L // the offset of the last message

    suspend fun showLatest() {
        val latest: List<Stored> =
            try {
                live.request("latest", room)
            } catch (e: LiveException) {
                return show("* no latest messages: ${e.reason}") // such as a timeout
            }
        for ((offset, chat) in latest) if (offset > shown) show("${chat.from}: ${chat.text}")
        shown = latest.lastOrNull()?.offset ?: 0
    }
    live.topic<Chat>("room/$room").updates.collect { update ->
        when (update) {
            is TopicUpdate.Received -> {
                val offset = update.offset!! // never null: the topic has a history
                if (offset > shown) update.value.run { show("$from: $text") }
                shown = maxOf(shown, offset)
            }
            is TopicUpdate.Subscribed ->
                when (update.recovery) {
                    Recovery.First -> showLatest()
                    Recovery.Recovered -> Unit // the missed messages follow
                    Recovery.Gap -> {
                        show("* messages may be missing")
                        shown = 0 // a restarted server counts from 1 again
                        showLatest()
                    }
                }
        }
    }
}
