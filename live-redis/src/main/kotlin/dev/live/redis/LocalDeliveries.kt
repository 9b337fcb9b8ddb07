package dev.live.redis

import dev.live.protocol.Position
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.WhileBrokerAway
import io.lettuce.core.RedisException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.future.await
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.CompletionStage
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * The publications of topics with [WhileBrokerAway.DeliverLocally] while Redis is away: the subscribers of this node
 * receive them at once, and nobody else. When Redis is back, the epochs of their topics end, and all nodes report a
 * gap. Thread-safe.
 *
 * @param away how long Redis has not been available to this node; zero while it is
 */
internal class LocalDeliveries(
    private val outbox: Outbox,
    private val keys: RedisKeys,
    private val settings: RedisSettings,
    private val away: () -> Duration,
) {
    /** Receives the publications; null before the broker runs. */
    @Volatile
    var sink: BrokerSink? = null

    /** Topics with deliveries that were not reported, and their bounds; null without a history. Guarded by itself. */
    private val unreported = LinkedHashMap<String, HistoryBounds?>()

    /** When Redis last rejected a report; null if it did not. Only accessed by [report]. */
    private var rejectedAt: TimeSource.Monotonic.ValueTimeMark? = null
    private val delivered = RateLimitedLog()

    /**
     * Publishes [publication] on all nodes, or on this one if Redis is not available within `timeout`, counted from its
     * loss. Returns the position; null without a history, or if it was delivered on this node only.
     */
    suspend fun publish(publication: Publication): Position? {
        val envelope = Envelope.encode(publication)
        val limit = settings.timeout - away()
        if (limit.isPositive()) {
            try {
                return outbox.publish(publication.topic, publication.history, envelope, limit)
            } catch (e: RedisBrokerException.Unavailable) {
                if (!e.wasTooLate) throw e
            }
        } else {
            settings.checkSize(envelope)
        }
        deliver(publication)
        return null
    }

    private suspend fun deliver(publication: Publication) {
        val sink = sink ?: error("unreachable: the broker runs before it is used")
        add(publication, settings.outboxMessages)
        delivered.warn {
            "Redis at ${settings.address} is away. Publications are delivered on this node only ($it so far). When " +
                "it is back, the clients of their topics receive a gap."
        }
        try {
            sink.deliver(publication, position = null)
        } finally {
            // again: a report that was sent in between came too early for this publication
            add(publication, Int.MAX_VALUE)
            outbox.wake.trySend(Unit)
        }
    }

    private fun add(publication: Publication, maxTopics: Int) {
        synchronized(unreported) {
            if (unreported.size < maxTopics || publication.topic in unreported) {
                unreported[publication.topic] = publication.history
                return
            }
        }
        throw RedisBrokerException.Unavailable(
            "Redis at ${settings.address} is away, and $maxTopics topics (outboxMessages) have messages that were " +
                "delivered on this node only",
        )
    }

    /** Ends the epochs of the topics with local deliveries, and makes all nodes report a gap to their clients. */
    suspend fun report(connection: Commands) {
        if (rejectedAt?.let { it.elapsedNow() < RETRY_DELAY } == true) return
        rejectedAt = null
        while (true) {
            val batch = LinkedHashMap<String, HistoryBounds?>()
            synchronized(unreported) {
                for ((topic, bounds) in unreported.entries.take(MAX_BATCH)) batch[topic] = bounds
                unreported -= batch.keys
            }
            if (batch.isEmpty()) return
            try {
                val calls = batch.map { (topic, bounds) -> topic to call(connection, topic, bounds) }
                connection.flushCommands()
                for ((topic, call) in calls) if (isDone(call)) batch -= topic
                if (batch.isNotEmpty()) return
            } catch (e: RedisException) {
                log.debug("Local deliveries are reported on the next connection.", e)
                return
            } finally {
                // repeated with another epoch: a second gap is harmless, a missing one is not
                synchronized(unreported) { for ((topic, bounds) in batch) unreported.putIfAbsent(topic, bounds) }
            }
        }
    }

    private fun call(connection: Commands, topic: String, bounds: HistoryBounds?): CompletionStage<*> {
        val channel = keys.channel(topic)
        if (bounds == null) return connection.async().publish(channel, ChannelMessage.interruption)
        val args = arrayOf(arg(randomName()), arg(bounds.retentionMillis), channel, ChannelMessage.interruption)
        return RedisScript.EndEpoch.call(connection, keys.keys(topic), args)
    }

    private suspend fun isDone(call: CompletionStage<*>): Boolean =
        try {
            call.await()
            true
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            if (isReply(e)) rejectedAt = TimeSource.Monotonic.markNow()
            log.debug("A local delivery was not reported.", e)
            false
        }

    private companion object {
        /** Commands in one write. */
        const val MAX_BATCH = 500
        val RETRY_DELAY = 1.seconds
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
