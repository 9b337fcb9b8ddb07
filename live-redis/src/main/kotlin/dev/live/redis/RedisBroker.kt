package dev.live.redis

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.broker.WhileBrokerAway
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * A broker on one Redis server, 6.2 or later: all nodes with the same Redis and namespace share their topics.
 *
 * ```
 * install(Live) {
 *     broker(RedisBroker("redis://:secret@redis.internal:6379") { namespace = "chat" })
 * }
 * ```
 *
 * Histories are stored in Redis, and follow its persistence. Their bounds are approximate: up to 100 messages and an
 * eighth of the bytes more. A topic that is not used keeps its epoch for one day longer than its messages.
 *
 * While Redis is away, publications and reads wait for `timeout`, then fail with [RedisBrokerException], unless the
 * topic declares another [WhileBrokerAway]. The broker reconnects by itself. After a reconnect, missed publications are
 * read from the histories.
 *
 * Use one instance for each server. The connections open when the server starts.
 */
public class RedisBroker internal constructor(private val settings: RedisSettings) : Broker {
    private val keys = RedisKeys(settings.namespace, settings.uri.database)
    private val inbox = Inbox(settings, keys)
    private val connections = RedisConnections(settings, keys, inbox)
    private val outbox = Outbox(settings, ::reason)
    private val localDeliveries = LocalDeliveries(outbox, keys, settings, ::away)
    private val sender = Sender(outbox, connections.commands, keys, settings, localDeliveries)
    private val reader = HistoryReader(connections.commands.connection, keys)
    private val interests = Interests(connections.channels, keys, settings)

    /**
     * @param url `redis://user:password@host:port/database`; all parts but the host are optional. Not supported yet:
     *   TLS, Sentinel and Cluster
     * @throws IllegalArgumentException if the URL or a setting is invalid, or `namespace` is missing. The message
     *   contains no password
     */
    public constructor(url: String, configure: RedisBrokerConfig.() -> Unit) :
        this(RedisBrokerConfig().apply(configure).build(url))

    override suspend fun run(sink: BrokerSink): Unit =
        withContext(Dispatchers.Default) {
            localDeliveries.sink = sink
            try {
                coroutineScope {
                    launch { connections.run() }
                    launch { sender.run() }
                    launch { interests.run(sink) }
                    launch { inbox.run(sink) }
                    launch { maintain() }
                }
            } finally {
                outbox.close()
            }
        }

    /**
     * Publishes [publication]; see [Broker.publish]. Returns when Redis has confirmed it, or with
     * [WhileBrokerAway.DeliverLocally], null when it was delivered on this node only.
     *
     * @throws RedisBrokerException.Unavailable if nothing was published
     * @throws RedisBrokerException.Unknown if no answer arrived in time: it may be delivered, at most once
     * @throws dev.live.protocol.LiveException with `too_large` if it exceeds `outboxBytes`
     */
    override suspend fun publish(publication: Publication): Position? =
        when (publication.whileBrokerAway) {
            WhileBrokerAway.Fail -> publish(publication, settings.timeout)
            WhileBrokerAway.Wait -> publish(publication, Duration.INFINITE)
            WhileBrokerAway.DeliverLocally -> localDeliveries.publish(publication)
        }

    private suspend fun publish(publication: Publication, limit: Duration): Position? =
        outbox.publish(publication.topic, publication.history, Envelope.encode(publication), limit)

    /** Subscribes to [topic]; see [Broker.subscribe]. Waits for Redis until it is cancelled. */
    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position? {
        var isDone = false
        interests.add(topic, history)
        try {
            while (true) {
                val connection = interests.awaitSubscribed(topic)
                val position = history?.let { reader.position(topic, it) }
                // on another connection, publications between the two may be missing and not be reported
                if (history == null || interests.isSubscribed(topic, connection)) {
                    isDone = true
                    return position
                }
            }
        } finally {
            if (!isDone) interests.remove(topic)
        }
    }

    override suspend fun unsubscribe(topic: String): Unit = interests.remove(topic)

    /**
     * Reads a history; see [Broker.history]. A position beyond the newest one returns an incomplete result.
     *
     * @throws RedisBrokerException.Unavailable if Redis did not answer in time
     */
    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory =
        withTimeoutOrNull(settings.timeout) { reader.read(topic, since, history) }
            ?: throw RedisBrokerException.Unavailable(
                "the history was not read from Redis within ${settings.timeout}. ${reason()}",
            )

    /**
     * The state of both connections to Redis; see [Broker.status]. A connection that stalls without being closed is
     * noticed within `probeInterval` and `probeTimeout`.
     */
    override val status: BrokerStatus
        get() {
            val links = listOf(connections.commands, connections.channels)
            val awaySince = links.mapNotNull { it.awaySince }.minOrNull()
            val state =
                when {
                    awaySince == null -> BrokerState.Connected
                    links.any { it.connects == 0L } -> BrokerState.Connecting
                    else -> BrokerState.Away
                }
            return BrokerStatus(
                state,
                away = awaySince?.elapsedNow() ?: Duration.ZERO,
                outbox = outbox.size,
                reconnects = links.sumOf { (it.connects - 1).coerceAtLeast(0) },
                dropped = inbox.droppedMessages,
            )
        }

    /** Forgets unused topics, and keeps the epochs of those that are used although nothing is published to them. */
    private suspend fun maintain() {
        val rounds = (TOPIC_RETENTION / SWEEP_PERIOD / 4).toInt()
        while (true) {
            repeat(rounds) {
                delay(SWEEP_PERIOD)
                outbox.wake.trySend(Unit) // reports of local deliveries that Redis has rejected are repeated
                outbox.sweep(used = interests.histories().mapTo(HashSet()) { it.first })
            }
            for ((topic, bounds) in interests.histories()) keepEpoch(topic, bounds)
        }
    }

    private suspend fun keepEpoch(topic: String, bounds: HistoryBounds) {
        try {
            withTimeoutOrNull(settings.timeout) { reader.position(topic, bounds) }
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.debug("The epoch of topic {} was not extended.", topic, e) // the next round tries again
        }
    }

    /** How long nothing can be published. */
    private fun away(): Duration = connections.commands.awaySince?.elapsedNow() ?: Duration.ZERO

    private fun reason(): String {
        val link = if (connections.commands.connection.value == null) connections.commands else connections.channels
        if (link.connection.value != null) return "Redis at ${settings.address} is slow."
        return link.failure?.let { describeFailure(settings.address, it) }
            ?: "Redis at ${settings.address} is not connected."
    }

    private companion object {
        val SWEEP_PERIOD = 30.seconds
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
