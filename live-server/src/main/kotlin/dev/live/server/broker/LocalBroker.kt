package dev.live.server.broker

import dev.live.protocol.Position
import kotlinx.coroutines.delay
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * The broker of a single node: delivers in the publisher's coroutine, so that a slow topic slows its publishers, and
 * keeps histories in memory. The default of `install(Live)`.
 */
public class LocalBroker internal constructor(
    private val maxIdleBytes: Long = Long.MAX_VALUE,
    private val sweepPeriod: Duration = 1.seconds,
    private val now: () -> Long,
) : Broker {
    /** A broker with no bound on the memory of unused histories, except for the bounds of each. */
    public constructor() : this(now = monotonicMillis())

    /** Each history is only accessed inside a `compute` of its topic, unless noted otherwise. */
    private val histories = ConcurrentHashMap<String, MemoryHistory>()

    @Volatile
    private var sink: BrokerSink? = null

    /** The topics with a stored history. */
    internal val topics: Set<String> get() = HashSet(histories.keys)

    /** Memory of the histories that this node is not subscribed to, see [MemoryHistory.totalBytes]. */
    internal val idleBytes: Long get() = histories.values.filter { !it.isSubscribed }.sumOf { it.totalBytes }

    override suspend fun run(sink: BrokerSink) {
        this.sink = sink
        while (true) {
            delay(sweepPeriod)
            sweep()
        }
    }

    override suspend fun publish(publication: Publication): Position? {
        // Concurrent publishers may deliver in another order than they append in; the topic restores the order.
        val position = publication.history?.let { bounds -> access(publication.topic, bounds) { append(publication) } }
        val sink = sink ?: error("unreachable: the broker runs before it is used")
        sink.deliver(publication, position)
        return position
    }

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position? =
        history?.let { bounds ->
            access(topic, bounds) {
                isSubscribed = true
                position
            }
        }

    override suspend fun unsubscribe(topic: String) {
        histories.computeIfPresent(topic) { _, history ->
            history.apply {
                isSubscribed = false
                idleSince = now()
            }
        }
    }

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory =
        access(topic, history) { read(since) }

    override fun storedBytes(topic: String): Long = histories[topic]?.bytes ?: 0

    /** Removes what has expired, and the histories that have been idle longest until the rest fit into the bound. */
    internal fun sweep() {
        var idleBytes = 0L
        for (topic in histories.keys) {
            histories.computeIfPresent(topic) { _, history ->
                history.evict()
                if (history.isOutdated) return@computeIfPresent null
                if (!history.isSubscribed) idleBytes += history.totalBytes
                history
            }
        }
        if (idleBytes > maxIdleBytes) removeIdle(idleBytes)
    }

    private fun removeIdle(total: Long) {
        var remaining = total
        val idle = histories.entries.filter { !it.value.isSubscribed }.map { it.key to it.value.idleSince }
        for ((topic, _) in idle.sortedBy { it.second }) {
            if (remaining <= maxIdleBytes) return
            histories.computeIfPresent(topic) { _, history ->
                if (history.isSubscribed) return@computeIfPresent history
                remaining -= history.totalBytes
                null
            }
        }
    }

    private inline fun <T : Any> access(
        topic: String,
        bounds: HistoryBounds,
        crossinline use: MemoryHistory.() -> T,
    ): T {
        var result: T? = null
        histories.compute(topic) { _, found -> (found ?: MemoryHistory(bounds, now)).apply { result = use() } }
        return result ?: error("unreachable: compute has called the block")
    }
}

private fun monotonicMillis(): () -> Long {
    val start = TimeSource.Monotonic.markNow()
    return { start.elapsedNow().inWholeMilliseconds }
}
