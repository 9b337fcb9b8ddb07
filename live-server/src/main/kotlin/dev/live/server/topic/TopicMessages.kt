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
 * The messages of a topic, whichever hub stands behind its name.
 *
 * A hub goes when nobody uses it and another takes its place; whoever collects here keeps the hub for that time.
 */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
internal class TopicMessages(private val name: String, private val registry: TopicRegistry) : SharedFlow<Message> {
    override val replayCache: List<Message> get() = emptyList()

    override suspend fun collect(collector: FlowCollector<Message>): Nothing {
        val hub = registry.retain(name)
        try {
            // a hop of its own: a collector that is resumed in place would run in the fan-out
            hub.messages().buffer(Channel.RENDEZVOUS).flowOn(Dispatchers.Default).collect(collector)
            error("unreachable: a shared flow does not complete")
        } finally {
            registry.release(name)
        }
    }
}
