package dev.live.server.topic

import dev.live.protocol.Codec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * A message on its way to many sessions, encoded at most once per codec.
 *
 * The same instance sits in the queue of every subscriber of a topic, so a broadcast to 10,000 sessions that speak
 * two codecs costs two encodings, not 10,000.
 *
 * @property except id of the session that does not get it, or null
 * @property key what it replaces others by, on topics where messages do; null: all of them
 */
internal class PreparedMessage(
    message: Message,
    private val codecs: CodecTable,
    val except: String? = null,
    val key: String? = null,
) : TopicEvent {
    /** Replaced by the fan-out of a topic that gives it its offset, before anybody has asked for a frame. */
    var message: Message = message

    /** Whether it has a place in a history. */
    val hasPlace: Boolean get() = message.offset != null

    /** Whether it was published, rather than said by the topic: then others of the topic may replace it. */
    val isPublished: Boolean = message.type == MessageType.MESSAGE || message.type !in MessageType.All

    /** Whether it says that its client has joined or left. */
    val isAnswer: Boolean get() = message.type in ANSWERS

    /** Whether its topic counts it. Written before it is emitted. */
    var isCounted = false

    // Racing writers make the same frame, so the slowest one overwriting is harmless; what must not happen is a
    // lock on the fan-out path.
    private val frames = AtomicReferenceArray<OutboundFrame>(codecs.size)

    /** The frame that carries [message] in the codec at [slot] of the table. Shared between sessions. */
    fun frameFor(slot: Int): OutboundFrame = frames[slot] ?: frame(codecs[slot]).also { frames[slot] = it }

    private fun frame(codec: Codec) =
        OutboundFrame(if (codec.isBinary) Opcode.Binary else Opcode.Text, codec.encode(message))

    private companion object {
        val ANSWERS = setOf(MessageType.ACK, MessageType.SUBSCRIBE, MessageType.UNSUBSCRIBE)
    }
}
