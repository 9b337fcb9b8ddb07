package dev.live.client.topic

import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.JsonElement

/** The presence of a topic. Collecting subscribes to the topic; the value is only updated while it is collected. */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
internal class PresenceFlow<M>(
    private val changes: Flow<Presence<JsonElement>>,
    private val serializer: KSerializer<M>,
) : StateFlow<Presence<M>> {
    private val latest = MutableStateFlow<Presence<M>>(Presence(emptyMap(), count = 0, isListed = true))

    override val value: Presence<M> get() = latest.value

    override val replayCache: List<Presence<M>> get() = listOf(value)

    override suspend fun collect(collector: FlowCollector<Presence<M>>): Nothing {
        collector.emit(value)
        var previous: Presence<JsonElement>? = null
        changes.collect {
            if (it == previous) return@collect
            previous = it
            val decoded = it.decoded(serializer)
            latest.value = decoded
            collector.emit(decoded)
        }
        awaitCancellation() // the application closed the client; a StateFlow never completes
    }
}
