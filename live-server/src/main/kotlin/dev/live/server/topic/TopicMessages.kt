package dev.live.server.topic

import dev.live.protocol.Message
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.flowOn

/**
 * The messages of a topic, across its activations.
 *
 * A topic that becomes unused ends, and a later use creates a new one. A collector of this flow keeps the topic active.
 */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
internal class TopicMessages(private val name: String, private val registry: TopicRegistry) : SharedFlow<Message> {
    override val replayCache: List<Message> get() = emptyList()

    override suspend fun collect(collector: FlowCollector<Message>): Nothing {
        val topic = registry.retain(name)
        try {
            // a separate coroutine: a collector resumed in place would run in the topic's actor
            topic.messages().buffer(Channel.RENDEZVOUS).flowOn(Dispatchers.Default).collect(collector)
            error("unreachable: a shared flow does not complete")
        } finally {
            registry.release(name)
        }
    }
}
