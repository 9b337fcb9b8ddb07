package dev.live.server.support

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import java.io.IOException
import kotlin.time.Duration

/**
 * A broker for topics without a history that goes away and comes back as the test decides. Delivers each publication
 * after [latency], in a coroutine of its own.
 */
internal class FakeBroker(
    @Volatile override var status: BrokerStatus = BrokerStatus(),
) : Broker {
    private val end = CompletableDeferred<Unit>()
    private lateinit var sink: BrokerSink
    private lateinit var scope: CoroutineScope

    @Volatile
    var latency: Duration = Duration.ZERO

    /** Whether publications are confirmed and not delivered. */
    @Volatile
    var losesPublications = false

    /** Ends [run], with [failure] if it is not null. */
    fun end(failure: Exception? = null) {
        if (failure == null) end.complete(Unit) else end.completeExceptionally(failure)
    }

    override suspend fun run(sink: BrokerSink) {
        this.sink = sink
        coroutineScope {
            scope = this
            end.await()
        }
    }

    override suspend fun publish(publication: Publication): Position? {
        if (status.state != BrokerState.Connected) throw IOException("not connected")
        if (losesPublications) return null
        scope.launch {
            delay(latency)
            sink.deliver(publication, position = null)
        }
        return null
    }

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position? = null

    override suspend fun unsubscribe(topic: String) = Unit

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory =
        error("a topic of this broker has no history")
}
