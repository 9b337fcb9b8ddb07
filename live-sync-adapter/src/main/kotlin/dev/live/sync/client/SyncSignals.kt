package dev.live.sync.client

import dev.live.client.LiveClient
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.Message
import dev.live.sync.SyncWire
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.mapNotNull
import kotlinx.coroutines.launch

/**
 * The cursors of [scope] as the server tells them: the present one when the scope is subscribed to, also after each
 * reconnect, then each newer one. Cold: collecting subscribes. Conflated: a slow collector gets the newest. Only ever
 * forward, also over reconnects and for a collector that comes later than others.
 *
 * The flow fails as that of a topic's messages does, with a `LiveException`: if the server refuses the scope, or does
 * not answer in time. It completes when the client is closed.
 *
 * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or has control characters
 */
public fun LiveClient.syncSignals(scope: String): Flow<ULong> {
    val updates = syncUpdates(scope)
    return flow {
        var last: ULong? = null
        updates.collect { signal ->
            val before = last
            val cursor = signal.cursor
            if (cursor != null && (before == null || cursor > before)) {
                last = cursor
                emit(cursor)
            }
        }
    }.conflate()
}

/** As [syncSignals], but also when the server knows no cursor, at each join, and in whatever order. */
internal fun LiveClient.syncUpdates(scope: String): Flow<SyncSignal> {
    val topic = SyncWire.topicOf(scope)
    val live = this
    return channelFlow {
        val cursors = KnownCursors.of(live)
        val newest = cursors.retain(scope)
        try {
            // what other collectors hear: the ack that this one gets may be as old as theirs
            launch { newest.filterNotNull().collect { send(SyncSignal.Told(it)) } }
            told(topic).collect { signal ->
                signal.cursor?.let(newest::raise)
                send(signal)
            }
            coroutineContext.cancelChildren()
        } finally {
            cursors.release(scope)
        }
    }
}

private fun LiveClient.told(topic: String): Flow<SyncSignal> =
    rawTopic(topic, CollectorOverflow.DropOldest).updates.mapNotNull { update ->
        when (update) {
            is TopicUpdate.Subscribed -> SyncSignal.Joined(SyncWire.cursorIn(update.welcome))
            is TopicUpdate.Received -> toldIn(update.value)
        }
    }

/** Null where [message] is another's. */
private fun toldIn(message: Message): SyncSignal? {
    if (message.type != SyncWire.TYPE) return null
    return SyncWire.cursorIn(message)?.let { SyncSignal.Told(it) }
}
