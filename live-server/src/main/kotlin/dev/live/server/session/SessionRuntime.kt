package dev.live.server.session

import dev.live.server.dialect.Dialect
import dev.live.server.dialect.DialectTable
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.TopicRegistry

/**
 * The server context of a session: settings, topics, its dialect, and a clock in milliseconds.
 *
 * @property slot of the session's dialect
 * @param streamTopic the topic that a client of server-sent events has requested; null for other clients
 */
internal class SessionRuntime(
    val settings: SessionSettings,
    val topics: TopicRegistry,
    val slot: Int,
    private val streamTopic: String? = null,
    val now: () -> Long,
) {
    val dialects: DialectTable get() = topics.dialects
    val dialect: Dialect get() = dialects[slot]

    /** The slot of the dialect for the events of [topic]. */
    fun slotFor(topic: String): Int = if (topic == streamTopic) dialects.eventsWithIdsSlot else slot

    /** The frame of an [event] that only this session receives, which counts as sent. */
    fun encode(event: ServerEvent.WithMessage, slot: Int = this.slot): OutboundFrame {
        topics.counters.sent(messages = 1, event.message.body?.size ?: 0)
        return dialects[slot].encode(event)
    }
}
