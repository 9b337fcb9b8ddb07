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
 * The cursors of [scope] that the server sends: the current one on each subscribe and reconnect, then each newer one.
 *
 * Cold: collecting subscribes. Conflated: a slow collector receives the newest cursor. Strictly increasing, also across
 * reconnects and for collectors that start later than others.
 *
 * Fails with a `LiveException` if the server rejects the scope or does not reply in time. Completes when the client is
 * closed.
 *
 * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or contains control characters
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

/** Like [syncSignals], but unordered, and also reports each subscribe without a cursor. */
internal fun LiveClient.syncUpdates(scope: String): Flow<SyncSignal> {
    val topic = SyncWire.topicOf(scope)
    val live = this
    return channelFlow {
        val cursors = SharedCursors.of(live)
        val newest = cursors.retain(scope)
        try {
            // the ack of an existing subscription may be older than the cursors that other collectors received
            launch { newest.filterNotNull().collect { send(SyncSignal.Advanced(it)) } }
            signalsOf(topic).collect { signal ->
                signal.cursor?.let(newest::raise)
                send(signal)
            }
            coroutineContext.cancelChildren()
        } finally {
            cursors.release(scope)
        }
    }
}

private fun LiveClient.signalsOf(topic: String): Flow<SyncSignal> =
    rawTopic(topic, CollectorOverflow.DropOldest).updates.mapNotNull { update ->
        when (update) {
            is TopicUpdate.Subscribed -> SyncSignal.Subscribed(SyncWire.cursorIn(update.welcome))
            is TopicUpdate.Received -> signalIn(update.value)
        }
    }

/** Returns null if [message] is not a sync signal. */
private fun signalIn(message: Message): SyncSignal? {
    if (message.type != SyncWire.TYPE) return null
    return SyncWire.cursorIn(message)?.let { SyncSignal.Advanced(it) }
}
