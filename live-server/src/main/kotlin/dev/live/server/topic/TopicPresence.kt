package dev.live.server.topic

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.flowOn
import kotlinx.serialization.json.JsonElement

/** Who is on a topic, whichever hub stands behind its name; whoever collects here keeps the hub for that time. */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
internal class TopicPresence(private val name: String, private val registry: TopicRegistry) :
    StateFlow<Map<String, List<JsonElement>>> {
    override val value: Map<String, List<JsonElement>> get() = registry.find(name)?.presence?.value.orEmpty()

    override val replayCache: List<Map<String, List<JsonElement>>> get() = listOf(value)

    override suspend fun collect(collector: FlowCollector<Map<String, List<JsonElement>>>): Nothing {
        val hub = registry.retain(name)
        try {
            val presence =
                checkNotNull(hub.presence) {
                    "topic '$name' tells nobody who is there. Declare it: topic(...) { presence { meta.name } }."
                }
            // a hop of its own: a collector that is resumed in place would run in the fan-out
            presence.buffer(Channel.CONFLATED).flowOn(Dispatchers.Default).collect(collector)
            error("unreachable: a state flow does not complete")
        } finally {
            registry.release(name)
        }
    }
}
