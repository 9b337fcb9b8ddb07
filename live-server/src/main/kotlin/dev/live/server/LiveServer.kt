package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Broker
import dev.live.server.broker.LocalBroker
import dev.live.server.broker.Publication
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.endpoint.EndpointSpec
import dev.live.server.http.EndpointContext
import dev.live.server.http.EndpointServer
import dev.live.server.observe.LiveStats
import dev.live.server.observe.ServerCounters
import dev.live.server.session.CloseReason
import dev.live.server.session.Session
import dev.live.server.session.SessionRegistry
import dev.live.server.session.Sweeper
import dev.live.server.session.goodbyeMessage
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Topic
import dev.live.server.topic.TopicRegistry
import dev.live.server.topic.TopicRuntime
import dev.live.server.transport.FastPath
import dev.live.server.worker.ReaderDispatcher
import dev.live.server.worker.readersOnWorkers
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.job
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * The topics and sessions of the [Live] plugin on this node. Every function may be called from any thread.
 *
 * The coroutine scope is a child of the application's job. It is cancelled after a drain, or with the application.
 * Launch the coroutines of adapters in it. A failed coroutine does not cancel the others. One file, because it is the
 * whole API of a node, and much of it is documentation.
 */
public class LiveServer internal constructor(
    private val settings: LiveSettings,
    parent: CoroutineContext,
    time: TimeSource = TimeSource.Monotonic,
    now: () -> Long,
) : CoroutineScope {
    private val scope = CoroutineScope(parent + SupervisorJob(parent.job) + CoroutineName("live"))
    override val coroutineContext: CoroutineContext get() = scope.coroutineContext
    private val registry = SessionRegistry()
    private val counters = ServerCounters(settings.observer)
    internal val declared = DeclaredTopics()
    internal val broker: Broker = settings.broker ?: LocalBroker(settings.idleHistoryBytes, now = now)
    private val monitor = BrokerMonitor(broker)
    private val topics =
        TopicRegistry(
            TopicRuntime(
                scope,
                settings.dialects,
                settings.topicBuffer,
                counters = counters,
                broker = broker,
                now = now,
            ),
            settings.topicLinger,
            declared,
            ::onControl,
            this::nodeReport,
        )

    /** Runs readers with handlers that may block. Null if the application has its own dispatcher. */
    private val readers: ReaderDispatcher? =
        if (settings.handlers == null) scope.readersOnWorkers(settings.handlerThreads) else null
    private val nodeSessions = NodeSessions(registry, settings.dialects, counters)
    private val lagProbe: LagProbe = LagProbe(time, ::probeLag, counters::lagMeasured)
    internal val control: ControlPublications = ControlPublications(topics, nodeSessions, lagProbe::arrived)

    /** Whether there may be other nodes. */
    private val hasOwnBroker = settings.broker != null

    @Volatile
    private var isDraining = false
    private val drainStarted = AtomicBoolean()

    internal val context =
        EndpointContext(
            registry,
            topics,
            settings.session,
            settings.limits,
            settings.compression,
            FastPath(settings.transport, readers),
            scope,
            settings.handlers ?: Dispatchers.IO,
            { isDraining },
            now,
        )

    init {
        settings.compression?.let { compression ->
            scope.coroutineContext.job.invokeOnCompletion { compression.close() }
        }
        // An eighth of the shortest timeout: timeouts fire at most 12.5 % late. At most 100 sweeps a second.
        val session = settings.session
        val shortest = minOf(session.writeTimeout, session.heartbeatInterval, settings.limits.expiryWarning, 8.seconds)
        val period = (shortest / 8).coerceAtLeast(10.milliseconds)
        scope.launch(CoroutineName("live-sweeper")) { Sweeper(registry, topics, period, ::sampleBroker, now).run() }
        // undispatched: the broker must have the sink before the first publish
        scope.launch(CoroutineName("live-broker"), CoroutineStart.UNDISPATCHED) { runBroker() }
        scope.launch(CoroutineName("live-control")) {
            control.subscribe()
            if (hasOwnBroker) lagProbe.run()
        }
    }

    private suspend fun runBroker() {
        try {
            broker.run(topics)
            log.error("The broker has ended. This node receives no more publications until it is restarted.")
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.error("The broker has failed. This node receives no more publications until it is restarted.", e)
        }
        monitor.hasEnded = true
    }

    private suspend fun probeLag(number: Long): Unit = control.probe(number)

    private fun sampleBroker() {
        if (!hasOwnBroker) return
        counters.brokerSampled(monitor.status)
        lagProbe.lag?.let(counters::lagSampled)
    }

    /** A snapshot of the open sessions of this node. */
    public val sessions: List<Session<*>> get() = registry.snapshot()

    /** Counters of this node since the server started, and current gauges. */
    public val stats: LiveStats
        get() =
            counters.snapshot(
                registry.connections.get(),
                registry.size,
                topics.size,
                registry.byTransport,
                if (hasOwnBroker) monitor.status else null,
                lagProbe.lag,
            )

    /**
     * Whether this node should receive clients. A property of this moment, which costs nothing but a read.
     *
     * [liveHealth] serves it to load balancers. Draining has precedence over the state of the broker.
     */
    public val health: LiveHealth get() = if (drainStarted.get()) LiveHealth.Draining else monitor.health

    /** Number of active topics on this node, including topics kept by their linger time. */
    public val topicCount: Int get() = topics.size

    /**
     * The topic with this [name], to publish messages and to receive them. It need not be declared: declarations define
     * the access of clients.
     *
     * @throws IllegalArgumentException if [name] is empty, longer than 256 bytes of UTF-8, or contains control
     *   characters
     */
    public fun topic(name: String): Topic {
        require(name.isNotEmpty()) { "a topic name must not be empty" }
        Message(MessageType.MESSAGE, name) // checks the rest
        return Topic(name, topics)
    }

    /** The open session of this node with this id, or null. */
    public fun session(id: String): Session<*>? = registry.find(id)

    /** The open sessions of [user] on this node, as identified by the endpoint's `user` function. */
    public fun sessionsOf(user: String): Set<Session<*>> = registry.ofUser(user)

    /**
     * Sends [message] to the session of this node with this id, without suspending. A session whose queue is full is
     * closed (4508), as with a topic's messages. A long loop can fill the queue before the session's writer runs. In a
     * loop, use `session.send`, which suspends until the queue has space.
     *
     * @return false if there is no such session, or the message was not accepted
     */
    public fun sendToSession(id: String, message: Message): Boolean =
        nodeSessions.sendToSession(id, message) == 1

    /**
     * Sends [message] to every session of [user] on this node, like [sendToSession]. Returns the number of sessions
     * that accepted it.
     */
    public fun sendToUser(user: String, message: Message): Int = nodeSessions.send(user, message)

    /**
     * Sends [message] to every session of this node, like [sendToSession]. Returns the number of sessions that accepted
     * it.
     */
    public fun broadcast(message: Message): Int = nodeSessions.send(user = null, message)

    /**
     * Closes all open sessions of [user] on this node (4403). Clients do not reconnect automatically after this code.
     * To keep the user out, reject new connections in the endpoint's `authenticate`.
     *
     * @param reason a short human-readable sentence, sent to the clients and truncated to 123 bytes of UTF-8
     * @return the number of sessions that were closed
     */
    public fun kickUser(user: String, reason: String): Int = nodeSessions.kick(user, reason)

    /**
     * Sends [message] to every session of [user] on all nodes, like [sendToSession]. Suspends until the broker has
     * accepted it. Best effort: a node that is disconnected from the broker does not receive it later.
     *
     * @return the number of sessions of this node that accepted it
     */
    public suspend fun sendToUserOnAllNodes(user: String, message: Message): Int {
        control.send(user, message)
        return sendToUser(user, message)
    }

    /** Sends [message] to every session on all nodes; otherwise like [sendToUserOnAllNodes]. */
    public suspend fun broadcastOnAllNodes(message: Message): Int {
        control.send(user = null, message)
        return broadcast(message)
    }

    /**
     * Closes all open sessions of [user] on all nodes (4403); otherwise like [kickUser] and [sendToUserOnAllNodes].
     *
     * @return the number of sessions of this node that were closed
     */
    public suspend fun kickUserOnAllNodes(user: String, reason: String): Int {
        control.kick(user, reason)
        return kickUser(user, reason)
    }

    private fun onControl(publication: Publication): Unit = control.execute(publication)

    internal fun <Meta : Any> serve(endpoint: EndpointSpec<Meta>): EndpointServer<Meta> {
        declared.declare(endpoint.topics)
        return EndpointServer(endpoint, context)
    }

    /**
     * Closes every session for a restart (1012) after [delay], in which load balancers notice that this node is not
     * ready: sends a goodbye with the reconnect [window] and writes the queued messages. Connections that are still
     * open after [timeout] are aborted. New connections are rejected after [delay]. Only the first call has an effect.
     */
    internal suspend fun drain(
        delay: Duration = settings.drainDelay,
        timeout: Duration = settings.drainTimeout,
        window: ClosedRange<Duration> = settings.session.reconnectWindow,
    ) {
        if (!drainStarted.compareAndSet(false, true)) return
        delay(delay)
        isDraining = true
        val reason = CloseReason(CloseCode.Restart, "server restart", byClient = false)
        val goodbye = PreparedMessage(goodbyeMessage(reason, window), settings.dialects)
        val closing = sessions
        for (session in closing) session.state.end(reason, flush = true, goodbye)
        withTimeoutOrNull(timeout) { closing.map { it.state.connection }.joinAll() }
        for (session in sessions) {
            session.state.abort(CloseReason(CloseCode.GoingAway, "server shutdown", byClient = false))
        }
        scope.cancel()
    }

    /**
     * [drain] for an application that is replaced while the engine keeps running, as in Ktor's auto-reload. The next
     * request waits for this function, and the new application accepts connections at once, so all times are limited to
     * one second.
     */
    internal suspend fun drainForReload() {
        val window = settings.session.reconnectWindow
        drain(
            delay = Duration.ZERO,
            minOf(settings.drainTimeout, MAX_RELOAD_TIME),
            window.start.coerceAtMost(MAX_RELOAD_TIME)..window.endInclusive.coerceAtMost(MAX_RELOAD_TIME),
        )
    }

    private companion object {
        val MAX_RELOAD_TIME = 1.seconds
        val log: Logger = LoggerFactory.getLogger("dev.live.server.broker")
    }
}
