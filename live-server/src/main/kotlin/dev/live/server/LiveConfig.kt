package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.server.observe.LiveObserver
import dev.live.server.session.QueueBound
import dev.live.server.session.SessionSettings
import dev.live.server.topic.CodecTable
import dev.live.server.transport.Transport
import io.ktor.utils.io.KtorDsl

/**
 * What `install(Live) { ... }` can set.
 *
 * Nearly all of it may also stand in the application's configuration below `live`, under the names it has here, such as
 * `live.session.queueCapacity: 512`. What the code sets wins over that. A key there that is none of live's keeps the
 * application from starting, and so does a value that is not allowed here.
 */
@KtorDsl
public class LiveConfig internal constructor() {
    internal var codecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)
        private set
    internal val session: SessionConfig = SessionConfig()
    internal val heartbeat: HeartbeatConfig = HeartbeatConfig()
    internal val topics: TopicsConfig = TopicsConfig()
    internal val limits: LimitsConfig = LimitsConfig { session.maxTopics }
    internal val origins: OriginsConfig = OriginsConfig()
    internal val drain: DrainConfig = DrainConfig()
    private var observer: LiveObserver? = null

    /**
     * The codecs that the server speaks. Default: JSON, CBOR and MessagePack. A client that names none gets JSON, or the
     * first one here where JSON is not among them.
     *
     * @throws IllegalArgumentException if there is none, or two stand for one subprotocol
     */
    public fun codecs(vararg codecs: Codec) {
        require(codecs.isNotEmpty()) { "Live has no codec. Name at least one, such as codecs(JsonCodec)." }
        val twice = codecs.groupBy { it.subprotocol }.values.find { it.size > 1 }
        require(twice == null) { "codec '${twice?.first()?.subprotocol}' is named twice" }
        this.codecs = codecs.toList()
    }

    /**
     * What carries the bytes of connections. Default [Transport.Auto]. Left out of the code, it can be switched without a
     * new build: by `live.transport` in the application's configuration, `auto` or `portable`.
     */
    public var transport: Transport = Transport.Auto

    /**
     * Whether messages carry what they are a part of ([dev.live.server.observe.TraceContext]) to and from clients that ask
     * for it, by offering a codec's subprotocol with `.trace`. Default false: nothing is offered, written or kept.
     */
    public var traceContext: Boolean = false

    /** Settings of every session. */
    public fun session(configure: SessionConfig.() -> Unit): Unit = session.configure()

    /** How the server finds out that a client is gone. */
    public fun heartbeat(configure: HeartbeatConfig.() -> Unit): Unit = heartbeat.configure()

    /** Settings of every topic. */
    public fun topics(configure: TopicsConfig.() -> Unit): Unit = topics.configure()

    /** What clients may do. */
    public fun limits(configure: LimitsConfig.() -> Unit): Unit = limits.configure()

    /** Which web pages may connect. Default: those of the server's own host. */
    public fun origins(configure: OriginsConfig.() -> Unit): Unit = origins.configure()

    /** How sessions end when the application stops. */
    public fun drain(configure: DrainConfig.() -> Unit): Unit = drain.configure()

    /** Tells [observer] what the server does, besides those that were named before. Default: nobody. */
    public fun observe(observer: LiveObserver) {
        this.observer = this.observer?.plus(observer) ?: observer
    }

    internal fun build(): LiveSettings {
        check(heartbeat.timeout > heartbeat.interval) {
            "heartbeat timeout (${heartbeat.timeout}) must be above its interval (${heartbeat.interval})"
        }
        return LiveSettings(
            codecs = CodecTable(codecs, traceContext),
            transport = transport,
            handlers = session.handlerDispatcher,
            session = buildSession(),
            limits = limits.build(origins.build()),
            topicBuffer = topics.buffer,
            topicLinger = topics.linger,
            idleHistoryBytes = topics.idleHistoryBytes,
            drainTimeout = drain.timeout,
            observer = observer,
        )
    }

    private fun buildSession() =
        SessionSettings(
            queueBound = QueueBound(session.queueCapacity, session.queueBytes),
            onOverflow = session.onOverflow,
            writeTimeout = session.writeTimeout,
            handlerTimeout = session.handlerTimeout,
            closeTimeout = session.closeTimeout,
            maxTopics = session.maxTopics,
            heartbeatInterval = heartbeat.interval,
            heartbeatTimeout = heartbeat.timeout,
            reconnectWindow = drain.reconnectWindow,
        )
}
