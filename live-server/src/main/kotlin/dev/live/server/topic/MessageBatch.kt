package dev.live.server.topic

import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * Messages of one topic that its subscribers get together: offered to each queue as one, in one buffer for all sockets.
 *
 * @property messages at least one, oldest first
 */
internal class MessageBatch(val messages: List<PreparedMessage>, private val codecs: CodecTable) {
    private val frames = AtomicReferenceArray<OutboundFrame>(codecs.size) // as in PreparedMessage

    /** Mostly none, or the one publisher of them all: looked at for every subscriber. */
    private val exceptions = messages.mapNotNullTo(HashSet()) { it.except }

    /** Whether the session called [session] gets all of it. */
    fun isAllFor(session: String): Boolean = exceptions.isEmpty() || session !in exceptions

    /** The frames of [messages] in the codec at [slot] of the table, as one. Shared between sessions. */
    fun frameFor(slot: Int): OutboundFrame = frames[slot] ?: frame(slot).also { frames[slot] = it }

    private fun frame(slot: Int) = OutboundFrame.run(messages.map { it.frameFor(slot) })
}
