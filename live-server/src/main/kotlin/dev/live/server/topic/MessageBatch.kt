package dev.live.server.topic

import dev.live.server.dialect.DialectTable
import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * Messages of one topic that are delivered together: offered to each queue as one frame, which all sockets share.
 *
 * @property messages at least one, oldest first
 */
internal class MessageBatch(val messages: List<PreparedMessage>, private val dialects: DialectTable) {
    private val frames = AtomicReferenceArray<OutboundFrame>(dialects.size) // see PreparedMessage

    /** Excluded session ids; mostly empty or a single publisher. Read for every subscriber. */
    private val excluded = messages.mapNotNullTo(HashSet()) { it.except }

    /** Whether the session [sessionId] receives every message of the batch. */
    fun isFor(sessionId: String): Boolean = excluded.isEmpty() || sessionId !in excluded

    /** The frames of [messages] as one, in the dialect at [slot] of the table. Shared between sessions. */
    fun frameFor(slot: Int): OutboundFrame = frames[slot] ?: frame(slot).also { frames[slot] = it }

    private fun frame(slot: Int) = OutboundFrame.concat(messages.map { it.frameFor(slot) })
}
