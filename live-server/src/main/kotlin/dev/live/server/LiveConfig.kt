package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.server.broker.Broker
import dev.live.server.config.Check
import dev.live.server.config.Notation
import dev.live.server.config.Setting
import dev.live.server.config.SettingBlock
import dev.live.server.dialect.DialectTable
import dev.live.server.frame.Compression
import dev.live.server.observe.LiveObserver
import dev.live.server.session.QueueBound
import dev.live.server.session.SessionSettings
import dev.live.server.transport.Transport
import io.ktor.utils.io.KtorDsl

/**
 * Settings of the `install(Live) { ... }` block.
 *
 * Most settings can also be set in the application's configuration below `live`, under the same names, such as
 * `live.session.queueCapacity: 512`. Settings in code override the file. An unknown key or an invalid value in the file
 * prevents the application from starting.
 */
@KtorDsl
public class LiveConfig internal constructor() {
    private val topLevel = SettingBlock()
    internal val session: SessionConfig = SessionConfig()
    internal val heartbeat: HeartbeatConfig = HeartbeatConfig()
    internal val topics: TopicsConfig = TopicsConfig()
    internal val limits: LimitsConfig = LimitsConfig { session.maxTopics }
    internal val origins: OriginsConfig = OriginsConfig()
    internal val compression: CompressionConfig = CompressionConfig()
    internal val drain: DrainConfig = DrainConfig()
    private var observer: LiveObserver? = null
    private var broker: Broker? = null

    /**
     * The transport of WebSocket connections. Default [Transport.Auto]. If the code does not set it, it can be changed
     * without a new build by `live.transport` in the application's configuration: `auto` or `portable`.
     */
    public var transport: Transport by topLevel.setting(
        Notation<Transport>("a transport", "`auto`, `portable`", { it.name.lowercase() }) { Transport.of(it) },
        Transport.Auto,
        Check.None,
        "the transport: the engine's own channel if live can take it over, or the portable transport of every engine",
    )

    internal var codecs: List<Codec> by topLevel.setting(
        Notation.list("`json`, `cbor`, `msgpack`", ::nameOf, ::codecOf),
        builtInCodecs,
        Check<List<Codec>>("not empty") { _, codecs -> requireDistinct(codecs) },
        "the supported codecs. The client's order of preference applies. A client without a subprotocol gets JSON, " +
            "or the first codec if JSON is not listed",
    )
        private set

    /**
     * The codecs that the server supports. Default: JSON, CBOR and MessagePack. A client that offers no subprotocol
     * gets JSON, or the first codec of this list if JSON is not included.
     *
     * @throws IllegalArgumentException if the list is empty, or two codecs have the same subprotocol
     */
    public fun codecs(vararg codecs: Codec) {
        this.codecs = codecs.toList()
    }

    /**
     * Whether messages propagate the W3C trace context ([dev.live.server.observe.TraceContext]) to and from clients
     * that request it by offering a codec's subprotocol with the suffix `.trace`. Default false: no such subprotocol is
     * offered, and no trace context is written or stored.
     */
    public var traceContext: Boolean by topLevel.setting(
        Notation.Flag,
        false,
        Check.None,
        "carries W3C [trace context](observing.md#traces) for clients that support it",
    )

    /** Settings of every session. */
    public fun session(configure: SessionConfig.() -> Unit): Unit = session.configure()

    /** Settings for the detection of lost connections. */
    public fun heartbeat(configure: HeartbeatConfig.() -> Unit): Unit = heartbeat.configure()

    /** Settings of every topic. */
    public fun topics(configure: TopicsConfig.() -> Unit): Unit = topics.configure()

    /** Limits on clients. */
    public fun limits(configure: LimitsConfig.() -> Unit): Unit = limits.configure()

    /** Web pages that may connect. Default: pages of the server's own host. */
    public fun origins(configure: OriginsConfig.() -> Unit): Unit = origins.configure()

    /** Compression of messages, off by default. */
    public fun compression(configure: CompressionConfig.() -> Unit): Unit = compression.configure()

    /** Settings for the shutdown of sessions when the application stops. */
    public fun drain(configure: DrainConfig.() -> Unit): Unit = drain.configure()

    /** Adds [observer], which is notified of server events, to the observers added before. Default: no observers. */
    public fun observe(observer: LiveObserver) {
        this.observer = this.observer?.plus(observer) ?: observer
    }

    /**
     * Sets the [broker], which carries publications between the nodes of an application and stores histories. Default:
     * a broker for a single node, with histories in memory.
     */
    public fun broker(broker: Broker) {
        check(this.broker == null) { "install(Live) has broker twice" }
        this.broker = broker
    }

    /** The settings that a configuration file can contain. */
    internal val settings: List<Setting<*>>
        get() =
            listOf(
                topLevel,
                session.settings,
                heartbeat.settings,
                topics.settings,
                limits.settings,
                origins.settings,
                compression.settings,
                drain.settings,
            ).flatMap { it.all }

    internal fun build(): LiveSettings {
        check(heartbeat.timeout > heartbeat.interval) {
            "heartbeat timeout (${heartbeat.timeout}) must be above its interval (${heartbeat.interval})"
        }
        val compression = if (compression.enabled) Compression(compression.minBytes, compression.level) else null
        return LiveSettings(
            dialects = DialectTable(codecs, traceContext, compression),
            compression = compression,
            transport = transport,
            handlers = session.handlerDispatcher,
            handlerThreads = session.handlerThreads,
            session = buildSession(),
            limits = limits.build(origins.build()),
            topicBuffer = topics.buffer,
            topicLinger = topics.linger,
            idleHistoryBytes = topics.idleHistoryBytes,
            drainDelay = drain.delay,
            drainTimeout = drain.timeout,
            observer = observer,
            broker = broker,
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

private val builtInCodecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)

/** The name of [codec] in a configuration file. */
private fun nameOf(codec: Codec): String = codec.subprotocol.substringAfterLast('.')

private fun codecOf(name: String): Codec =
    requireNotNull(builtInCodecs.find { nameOf(it) == name.lowercase() }) {
        "a codec must be one of ${builtInCodecs.joinToString { "'${nameOf(it)}'" }}, was '$name'"
    }

private fun requireDistinct(codecs: List<Codec>) {
    require(codecs.isNotEmpty()) { "Live has no codec. Add at least one, such as codecs(JsonCodec)." }
    val duplicates = codecs.groupBy { it.subprotocol }.values.find { it.size > 1 }
    require(duplicates == null) { "codec '${duplicates?.first()?.subprotocol}' is added twice" }
}
