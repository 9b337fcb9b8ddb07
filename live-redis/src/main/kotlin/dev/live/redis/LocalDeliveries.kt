package dev.live.redis

import dev.live.protocol.Position
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.WhileBrokerAway
import io.lettuce.core.RedisException
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.CompletionStage
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * The publications of topics with [WhileBrokerAway.DeliverLocally] while Redis is away: the subscribers of this node
 * receive them at once, and nobody else. When Redis is back, the epochs of their topics end, and all nodes report a
 * gap. In a cluster, that concerns the server of each topic. Thread-safe.
 */
internal class LocalDeliveries(
    private val outbox: Outbox,
    private val servers: Servers,
    private val keys: RedisKeys,
    private val settings: RedisSettings,
) {
    /** Receives the publications; null before the broker runs. */
    @Volatile
    var sink: BrokerSink? = null

    /** Topics with deliveries that were not reported, and their bounds; null without a history. Guarded by itself. */
    private val unreported = LinkedHashMap<String, HistoryBounds?>()

    /** When Redis last rejected a report; null if it did not. */
    @Volatile
    private var rejectedAt: TimeSource.Monotonic.ValueTimeMark? = null
    private val script = RedisScript.endEpoch(keys.isSharded)
    private val delivered = RateLimitedLog()

    /**
     * Publishes [publication] on all nodes, or on this one if Redis is not available within `timeout`, counted from its
     * loss. Returns the position; null without a history, or if it was delivered on this node only.
     */
    suspend fun publish(publication: Publication): Position? {
        val envelope = Envelope.encode(publication)
        val limit = settings.timeout - servers.away(publication.topic)
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
            "Redis at ${address(publication.topic)} is away. Publications are delivered on this node only ($it so " +
                "far). When it is back, the clients of their topics receive a gap."
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
            "Redis at ${address(publication.topic)} is away, and $maxTopics topics (outboxMessages) have messages " +
                "that were delivered on this node only",
        )
    }

    /**
     * Ends the epochs of the topics with local deliveries whose servers are back, and makes all nodes report a gap to
     * their clients. Does not wait for the answers: a server executes later publications on its connection afterwards.
     *
     * @param onRedirect called if another server must execute a report, which is repeated then
     */
    fun report(onRedirect: () -> Unit) {
        if (rejectedAt?.let { it.elapsedNow() < RETRY_DELAY } == true) return
        rejectedAt = null
        val due =
            synchronized(unreported) {
                if (unreported.isEmpty()) return
                val ready = unreported.filterKeys { servers.commands(it)?.isOpen == true }
                ready.also { unreported -= it.keys }
            }
        val used = LinkedHashSet<Commands>()
        for ((topic, bounds) in due) report(topic, bounds, onRedirect)?.let { used += it }
        for (connection in used) flush(connection)
    }

    /** Returns the connection to flush; null if it was lost at this moment. */
    private fun report(topic: String, bounds: HistoryBounds?, onRedirect: () -> Unit): Commands? {
        val connection = servers.commands(topic)
        if (connection == null) {
            repeat(topic, bounds)
            return null
        }
        try {
            call(connection, topic, bounds).whenComplete { _, failure ->
                if (failure != null) failed(topic, bounds, failure, onRedirect)
            }
        } catch (e: RedisException) {
            failed(topic, bounds, e, onRedirect) // Lettuce may throw if the connection is closed at this moment
        }
        return connection
    }

    private fun flush(connection: Commands) {
        try {
            connection.flushCommands()
        } catch (e: RedisException) {
            log.debug("Local deliveries are reported on the next connection.", e)
        }
    }

    private fun call(connection: Commands, topic: String, bounds: HistoryBounds?): CompletionStage<*> {
        val channel = keys.channel(topic)
        val message = ChannelMessage.interruption
        if (bounds == null) {
            val commands = connection.async()
            return if (keys.isSharded) commands.spublish(channel, message) else commands.publish(channel, message)
        }
        val args = arrayOf(arg(randomName()), arg(bounds.retentionMillis), channel, message)
        return script.call(connection, keys.keys(topic), args)
    }

    private fun failed(topic: String, bounds: HistoryBounds?, failure: Throwable, onRedirect: () -> Unit) {
        log.debug("The local deliveries of topic {} were not reported.", topic, failure)
        val redirect = servers.redirect(topic, failure)
        if (redirect == null && isReply(failure)) rejectedAt = TimeSource.Monotonic.markNow()
        repeat(topic, bounds)
        if (redirect != null) onRedirect()
    }

    /** With another epoch: a second gap is harmless, a missing one is not. */
    private fun repeat(topic: String, bounds: HistoryBounds?) {
        synchronized(unreported) { unreported.putIfAbsent(topic, bounds) }
    }

    private fun address(topic: String): String = servers.ofTopic(topic)?.address ?: settings.address

    private companion object {
        val RETRY_DELAY = 1.seconds
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
