package dev.live.server.topic

import dev.live.protocol.Message
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * A message on its way to many sessions, encoded at most once per codec.
 *
 * The same instance sits in the queue of every subscriber of a topic, so a broadcast to 10,000 sessions that speak
 * two codecs costs two encodings, not 10,000.
 *
 * @property except id of the session that does not get it, or null
 */
internal class PreparedMessage(
    val message: Message,
    private val codecs: CodecTable,
    val except: String? = null,
) : TopicEvent {
    // Racing writers encode the same bytes, so the slowest one overwriting is harmless; what must not happen is a
    // lock on the fan-out path.
    private val encoded = AtomicReferenceArray<ByteArray>(codecs.size)

    /** The bytes of [message] in the codec at [slot] of the table. Shared between sessions: read-only. */
    fun bytesFor(slot: Int): ByteArray =
        encoded[slot] ?: codecs[slot].encode(message).also { encoded[slot] = it }
}
