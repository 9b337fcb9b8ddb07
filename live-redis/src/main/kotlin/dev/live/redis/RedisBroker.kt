package dev.live.redis

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.PresenceDirectory
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
 * A broker on Redis 6.2 or later, a single server, a master of sentinels or a cluster: all nodes with the same Redis
 * and namespace share their topics.
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
    private val keys = RedisKeys(settings.namespace, settings.servers.database, settings.isSharded)
    private val inbox = Inbox(settings, keys)
    private val connections: RedisConnections = RedisConnections(settings, keys, ChannelEvents(inbox) { interests })
    private val servers = connections.servers
    private val outbox = Outbox(settings, connections::reason)
    private val localDeliveries = LocalDeliveries(outbox, servers, keys, settings)
    private val sender = Sender(outbox, servers, keys, settings, localDeliveries)
    private val reader = HistoryReader(servers, keys)
    private val interests: Interests = Interests(servers, keys, settings)
    private val directory =
        RedisPresence(servers, keys, settings) { outbox.publish(it.topic, bounds = null, Envelope.encode(it)) }

    /**
     * @param url one of these, all parts optional but a host and the name of a master; `rediss` instead of `redis` for
     *   TLS:
     *   - `redis://user:password@host:port/database`
     *   - `redis-sentinel://user:password@host:port,host:port/database#master`, with the hosts of the sentinels
     *   - `redis-cluster://user:password@host:port,host:port`, with some or all nodes of the cluster
     * @throws IllegalArgumentException if the URL or a setting is invalid, or `namespace` is missing. The message
     *   contains no password
     */
    public constructor(url: String, configure: RedisBrokerConfig.() -> Unit) :
        this(RedisBrokerConfig().apply(configure).build(url))

    override suspend fun run(sink: BrokerSink): Unit = runWith(directory.open(sink))

    private suspend fun runWith(sink: BrokerSink): Unit =
        withContext(Dispatchers.Default) {
            localDeliveries.sink = sink
            try {
                coroutineScope {
                    launch { connections.run() }
                    launch { sender.run() }
                    launch { interests.run(sink) }
                    launch { inbox.run(sink) }
                    launch { directory.run() }
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
                "the history was not read from Redis within ${settings.timeout}. ${connections.reason()}",
            )

    /**
     * The state of both connections to Redis; see [Broker.status]. A connection that stalls without being closed is
     * noticed within `probeInterval` and `probeTimeout`.
     */
    override val status: BrokerStatus
        get() {
            val awaySince = connections.awaySince
            val state =
                when {
                    awaySince == null -> BrokerState.Connected
                    connections.wasConnected() -> BrokerState.Away
                    else -> BrokerState.Connecting
                }
            return BrokerStatus(
                state,
                away = awaySince?.elapsedNow() ?: Duration.ZERO,
                outbox = outbox.size,
                reconnects = connections.reconnects,
                dropped = inbox.droppedMessages,
            )
        }

    /**
     * The members of topics on all nodes, stored in Redis; see [PresenceDirectory]. Other nodes report the members of a
     * node that has crashed as lost, after at most three heartbeats.
     */
    override val presence: PresenceDirectory get() = directory

    /** The reports of all nodes, which they store in Redis with each heartbeat; see [Broker.nodeReports]. */
    override val nodeReports: Map<String, String> get() = directory.reports

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

    private companion object {
        val SWEEP_PERIOD = 30.seconds
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
