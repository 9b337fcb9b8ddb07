package dev.live.server.topic

import dev.live.protocol.Message
import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.SharedFlow

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
            hub.messages().collect(collector)
        } finally {
            registry.release(name)
        }
    }
}
