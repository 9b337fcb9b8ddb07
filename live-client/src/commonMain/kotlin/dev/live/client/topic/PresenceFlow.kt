package dev.live.client.topic

import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.map
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.JsonElement

/** Who is on a topic, kept up to date while somebody collects it: that is what subscribes. */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
internal class PresenceFlow<M>(
    arrivals: Flow<SubscriptionEvent>,
    private val serializer: KSerializer<M>,
) : StateFlow<Presence<M>> {
    private val latest = MutableStateFlow<Presence<M>>(Presence(emptyMap(), count = 0, isListed = true))
    private val changes = arrivals.filterIsInstance<SubscriptionEvent.Present>().map { it.presence }

    override val value: Presence<M> get() = latest.value

    override val replayCache: List<Presence<M>> get() = listOf(value)

    override suspend fun collect(collector: FlowCollector<Presence<M>>): Nothing {
        collector.emit(value)
        var before: Presence<JsonElement>? = null
        changes.collect {
            if (it == before) return@collect
            before = it
            val now = it.decoded(serializer)
            latest.value = now
            collector.emit(now)
        }
        awaitCancellation() // closed by the application itself, and a flow of state does not end
    }
}
