package dev.live.server.session

import dev.live.protocol.Codec
import dev.live.server.topic.CodecTable
import dev.live.server.topic.TopicRegistry

/**
 * The server context of a session: settings, topics, its codec, the topics that its endpoint declares, and a clock in
 * milliseconds.
 */
internal class SessionRuntime(
    val settings: SessionSettings,
    val topics: TopicRegistry,
    val codecSlot: Int,
    val endpointTopics: EndpointTopics? = null,
    val now: () -> Long,
) {
    val codecs: CodecTable get() = topics.codecs
    val codec: Codec get() = codecs[codecSlot]
}
