package dev.live.server.topic

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.flowOn
import kotlinx.serialization.json.JsonElement

/** The presence of a topic, across its activations. A collector keeps the topic active. */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
internal class TopicPresence(private val name: String, private val registry: TopicRegistry) :
    StateFlow<Map<String, List<JsonElement>>> {
    override val value: Map<String, List<JsonElement>> get() = registry.find(name)?.presence?.value.orEmpty()

    override val replayCache: List<Map<String, List<JsonElement>>> get() = listOf(value)

    override suspend fun collect(collector: FlowCollector<Map<String, List<JsonElement>>>): Nothing {
        val topic = registry.retain(name)
        try {
            val presence =
                checkNotNull(topic.presence) {
                    "topic '$name' declares no presence. Declare it: topic(...) { presence { meta.name } }."
                }
            // a separate coroutine: a collector resumed in place would run in the topic's actor
            presence.buffer(Channel.CONFLATED).flowOn(Dispatchers.Default).collect(collector)
            error("unreachable: a state flow does not complete")
        } finally {
            registry.release(name)
        }
    }
}
