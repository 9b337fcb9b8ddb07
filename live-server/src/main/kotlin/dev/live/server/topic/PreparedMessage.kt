package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.dialect.DialectTable
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * An event for many sessions, encoded at most once per dialect, and compressed at most once per dialect.
 *
 * The same instance is delivered to every subscriber of a topic, so a broadcast to 10,000 sessions that use two
 * dialects costs two encodings, not 10,000. The queues hold the encodings.
 *
 * @property except id of the session that does not receive it, or null
 * @property key conflation key of a lossy topic; null: the message replaces any other
 * @property position position in the topic's history; null if it is not stored there
 * @param isShared whether more than one session receives it. If not, it is not compressed: the result would serve one
 *   session only, and sessions with compression also accept plain frames
 */
internal class PreparedMessage(
    private val event: ServerEvent.WithMessage,
    private val dialects: DialectTable,
    val except: String? = null,
    val key: String? = null,
    val position: Position? = null,
    private val isShared: Boolean = true,
) : TopicEvent {
    constructor(message: Message, dialects: DialectTable, except: String? = null, key: String? = null) :
        this(ServerEvent.Sent(message), dialects, except, key)

    val message: Message get() = event.message

    /** Whether it is stored in a history. */
    val hasOffset: Boolean get() = message.offset != null

    /** Whether it is a publication, not a control message of the topic: only publications can replace each other. */
    val isPublished: Boolean = event.message.type.let { it == MessageType.MESSAGE || it !in MessageType.All }

    /** Whether it acknowledges that its client subscribed or unsubscribed. */
    val isSubscriptionReply: Boolean get() = message.type in SUBSCRIPTION_REPLIES

    // Racing writers encode the same frame, so overwriting is harmless. A lock on the fan-out path would not be.
    private val frames = AtomicReferenceArray<OutboundFrame>(dialects.size)

    /** The frame of the event in the dialect at [slot] of the table. Shared between sessions. */
    fun frameFor(slot: Int): OutboundFrame = frames[slot] ?: frame(slot).also { frames[slot] = it }

    /** Compresses the encoding that the sessions without compression receive, so that the codec runs once for both. */
    private fun frame(slot: Int): OutboundFrame {
        val plain = dialects.plainSlot(slot)
        if (plain == slot) return dialects[slot].encode(event)
        return frameFor(plain).let { if (isShared) dialects.compress(it) else it }
    }

    private companion object {
        val SUBSCRIPTION_REPLIES = setOf(MessageType.ACK, MessageType.SUBSCRIBE, MessageType.UNSUBSCRIBE)
    }
}
