package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Broker
import dev.live.server.broker.LocalBroker
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.endpoint.EndpointContext
import dev.live.server.endpoint.EndpointServer
import dev.live.server.endpoint.LiveEndpoint
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
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.job
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * The server half of the [Live] plugin: its topics and its sessions on this node. Every function may be called from any
 * thread.
 *
 * A coroutine scope: a child of the application's job that ends with a drain, or with the application. What works for live,
 * such as an adapter, is launched in it; what fails there ends nothing but itself.
 */
public class LiveServer internal constructor(
    private val settings: LiveSettings,
    parent: CoroutineContext,
    now: () -> Long,
) : CoroutineScope {
    private val scope = CoroutineScope(parent + SupervisorJob(parent.job) + CoroutineName("live"))
    override val coroutineContext: CoroutineContext get() = scope.coroutineContext
    private val registry = SessionRegistry()
    private val counters = ServerCounters(settings.observer)
    internal val declared = DeclaredTopics()
    private val topics =
        TopicRegistry(
            TopicRuntime(scope, settings.codecs, settings.topicBuffer, counters = counters, now = now),
            settings.topicLinger,
            declared,
            settings.idleHistoryBytes,
        )
    private val broker: Broker = LocalBroker(topics::deliver)

    @Volatile
    private var isDraining = false
    private val drainBegan = AtomicBoolean()

    internal val context =
        EndpointContext(
            registry,
            topics,
            broker,
            settings.session,
            settings.limits,
            FastPath(settings.transport),
            scope,
            settings.handlers,
            { isDraining },
            now,
        )

    init {
        // an eighth late at most, and never busier than a hundred times a second
        val session = settings.session
        val shortest = minOf(session.writeTimeout, session.heartbeatInterval, settings.limits.expiryWarning, 8.seconds)
        val period = (shortest / 8).coerceAtLeast(10.milliseconds)
        scope.launch(CoroutineName("live-sweeper")) { Sweeper(registry, topics, period, now).run() }
    }

    /** The sessions that are open, as of now. */
    public val sessions: List<Session<*>> get() = registry.snapshot()

    /** What this server has done since it started, and has now. */
    public val stats: LiveStats
        get() = counters.snapshot(registry.connections.get(), registry.size, topics.size, registry.byTransport)

    /** Topics that somebody uses, or did within the linger. */
    public val topicCount: Int get() = topics.size

    /**
     * The topic called [name], to publish to and to listen on. It need not be declared: a declaration says what clients
     * may do with it.
     *
     * @throws IllegalArgumentException if [name] is empty, over 256 bytes of UTF-8, or has control characters
     */
    public fun topic(name: String): Topic {
        require(name.isNotEmpty()) { "a topic's name must not be empty" }
        Message(MessageType.MESSAGE, name) // checks the rest
        return Topic(name, topics, broker)
    }

    /** The open session with this id, or null. */
    public fun session(id: String): Session<*>? = registry.find(id)

    /** The open sessions of [user], as the endpoint's `user` calls them. */
    public fun sessionsOf(user: String): Set<Session<*>> = registry.ofUser(user)

    /**
     * Sends [message] to the session with this id, without waiting: a session whose queue is full is closed (4508), as
     * by a topic. In a long loop nothing lets its writer catch up; `session.send` waits for room.
     *
     * @return false if there is no such session, or it did not take the message
     */
    public fun sendToSession(id: String, message: Message): Boolean =
        send(listOfNotNull(registry.find(id)), message) == 1

    /** Sends [message] to every session of [user], as [sendToSession] does; returns how many took it. */
    public fun sendToUser(user: String, message: Message): Int = send(registry.ofUser(user), message)

    /** Sends [message] to every session of this node, as [sendToSession] does; returns how many took it. */
    public fun broadcast(message: Message): Int = send(registry.all, message)

    /**
     * Throws [user] out: closes every session that is open on this node now (4403), from which clients do not
     * reconnect. What keeps the user out from here on is the endpoint's `authenticate`.
     *
     * @param reason one short sentence for a person, which the clients get; at most 123 bytes of UTF-8 arrive
     * @return how many sessions there were
     */
    public fun kickUser(user: String, reason: String): Int = registry.ofUser(user).onEach { it.kick(reason) }.size

    private fun send(sessions: Collection<Session<*>>, message: Message): Int {
        val prepared = PreparedMessage(message, settings.codecs)
        val taken = sessions.count { it.state.deliver(prepared) }
        counters.sent(taken, message.body?.size ?: 0)
        return taken
    }

    internal fun <Meta : Any> serve(endpoint: LiveEndpoint<Meta>): EndpointServer<Meta> {
        declared.declare(endpoint.topics)
        return EndpointServer(endpoint, context)
    }

    /**
     * Ends every session for a restart: says goodbye with the [window] to come back in, writes what waits, closes (1012).
     * What is not through within [timeout] is cut. New connections are refused from here on. Only the first call drains.
     */
    internal suspend fun drain(
        timeout: Duration = settings.drainTimeout,
        window: ClosedRange<Duration> = settings.session.reconnectWindow,
    ) {
        if (!drainBegan.compareAndSet(false, true)) return
        isDraining = true
        val why = CloseReason(CloseCode.Restart, "the server restarts", byClient = false)
        val goodbye = PreparedMessage(goodbyeMessage(why, window), settings.codecs)
        val leaving = sessions
        for (session in leaving) session.state.end(why, flush = true, goodbye)
        withTimeoutOrNull(timeout) { leaving.map { it.state.connection }.joinAll() }
        for (session in sessions) {
            session.state.cut(CloseReason(CloseCode.GoingAway, "the server stops", byClient = false))
        }
        scope.cancel()
    }

    /**
     * As [drain], where the application is replaced and the engine goes on, as by Ktor's auto-reload: the next request
     * waits for this, and the new application is there at once.
     */
    internal suspend fun drainForReload() {
        val window = settings.session.reconnectWindow
        drain(
            minOf(settings.drainTimeout, RELOAD),
            window.start.coerceAtMost(RELOAD)..window.endInclusive.coerceAtMost(RELOAD),
        )
    }

    private companion object {
        val RELOAD = 1.seconds
    }
}
