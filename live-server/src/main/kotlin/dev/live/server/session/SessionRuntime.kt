package dev.live.server.session

import dev.live.protocol.Codec
import dev.live.server.topic.CodecTable
import dev.live.server.topic.TopicRegistry

/**
 * What a session has from its server: settings, the topics, the codec it speaks, what its endpoint declares and a clock
 * in milliseconds.
 */
internal class SessionRuntime(
    val settings: SessionSettings,
    val topics: TopicRegistry,
    val codecSlot: Int,
    val places: TopicPlaces? = null,
    val now: () -> Long,
) {
    val codecs: CodecTable get() = topics.codecs
    val codec: Codec get() = codecs[codecSlot]
}
