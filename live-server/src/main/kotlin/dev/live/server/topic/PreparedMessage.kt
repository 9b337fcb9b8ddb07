package dev.live.server.topic

import dev.live.protocol.Codec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * A message for many sessions, encoded at most once per codec.
 *
 * The same instance is in the queue of every subscriber of a topic, so a broadcast to 10,000 sessions that use two
 * codecs costs two encodings, not 10,000.
 *
 * @property except id of the session that does not receive it, or null
 * @property key conflation key of a lossy topic; null: the message replaces any other
 */
internal class PreparedMessage(
    message: Message,
    private val codecs: CodecTable,
    val except: String? = null,
    val key: String? = null,
) : TopicEvent {
    /** Replaced by the topic's coroutine, which sets the offset before the first frame is encoded. */
    var message: Message = message

    /** Whether it is stored in a history. */
    val hasOffset: Boolean get() = message.offset != null

    /** Whether it is a publication, not a control message of the topic: only publications can replace each other. */
    val isPublished: Boolean = message.type == MessageType.MESSAGE || message.type !in MessageType.All

    /** Whether it acknowledges that its client subscribed or unsubscribed. */
    val isSubscriptionReply: Boolean get() = message.type in SUBSCRIPTION_REPLIES

    /** Whether its topic counts it. Written before it is emitted. */
    var isCounted = false

    // Racing writers encode the same frame, so overwriting is harmless. A lock on the fan-out path would not be.
    private val frames = AtomicReferenceArray<OutboundFrame>(codecs.size)

    /** The frame of [message] in the codec at [slot] of the table. Shared between sessions. */
    fun frameFor(slot: Int): OutboundFrame = frames[slot] ?: frame(codecs[slot]).also { frames[slot] = it }

    private fun frame(codec: Codec) =
        OutboundFrame(if (codec.isBinary) Opcode.Binary else Opcode.Text, codec.encode(message))

    private companion object {
        val SUBSCRIPTION_REPLIES = setOf(MessageType.ACK, MessageType.SUBSCRIBE, MessageType.UNSUBSCRIBE)
    }
}
