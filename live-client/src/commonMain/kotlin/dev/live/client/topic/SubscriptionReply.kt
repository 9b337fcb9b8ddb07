package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.WelcomeData
import dev.live.protocol.decode
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The pending reply to one `subscribe` or `unsubscribe` with the ref [ref]. */
internal class SubscriptionReply(
    val ref: String,
    listener: Listener,
    private val pending: PendingReplies,
    private val timer: Job,
) : ReplyHandler by listener {
    /** Called once, unless the reply is cancelled before. */
    interface Listener : ReplyHandler {
        /** No reply arrived in time. */
        fun onTimeout()
    }

    /** Stops the timer and ignores a reply that arrives later. */
    fun cancel() {
        timer.cancel()
        pending.remove(ref)
    }
}

/**
 * Waits for the replies to `subscribe` and `unsubscribe`. Only used on the client's dispatcher.
 *
 * @property timeout time limit for each reply. It is extended while the client receives nothing at all: the heartbeat
 *   then decides about the connection, and the next connection sends the request again.
 */
internal class SubscriptionReplies(
    private val scope: CoroutineScope,
    private val refs: Refs,
    private val pending: PendingReplies,
    private val pings: Pings,
    val timeout: Duration,
) {
    /** Waits for the reply to the message that the caller now sends with the ref of the result. */
    fun expect(listener: SubscriptionReply.Listener): SubscriptionReply {
        val timer = scope.launch(CoroutineName("live-subscribe-timeout")) { listener.awaitTimeout() }
        val reply = SubscriptionReply(refs.next(), listener, pending, timer)
        pending.add(reply.ref, reply)
        return reply
    }

    private suspend fun SubscriptionReply.Listener.awaitTimeout() {
        val receivedBefore = pings.messagesReceived
        val lead = minOf(timeout / 2, PROBE_LEAD)
        delay(timeout - lead)
        pings.send() // the connection may be dead
        do delay(lead) while (pings.messagesReceived == receivedBefore)
        onTimeout()
    }

    private companion object {
        /** How long before the timeout the client sends a ping. Longer than a heartbeat probe takes. */
        val PROBE_LEAD = 3.seconds
    }
}

/** The position in [ack] of a topic with history; null if the topic keeps no history. */
internal fun subscribedData(ack: Message): SubscribedData? =
    try {
        if (ack.body == null) null else ack.decode<SubscribedData>().also { Position(it.epoch, it.offset) }
    } catch (_: BadPayloadException) {
        null // without a position there is no recovery
    } catch (_: IllegalArgumentException) {
        null // not a valid position
    }

/** The `welcome` data of the server's application in [ack]; null if there is none. */
internal fun welcomeOf(ack: Message): JsonElement? =
    try {
        if (ack.body == null) null else ack.decode<WelcomeData>().welcome
    } catch (_: BadPayloadException) {
        null
    }
