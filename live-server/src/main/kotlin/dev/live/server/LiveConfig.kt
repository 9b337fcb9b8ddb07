package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.server.session.SessionSettings
import dev.live.server.topic.CodecTable
import dev.live.server.transport.Transport
import io.ktor.utils.io.KtorDsl

/** What `install(Live) { ... }` can set. */
@KtorDsl
public class LiveConfig internal constructor() {
    private var codecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)
    private val session = SessionConfig()
    private val heartbeat = HeartbeatConfig()
    private val topics = TopicsConfig()
    private val limits = LimitsConfig()
    private val origins = OriginsConfig()
    private val drain = DrainConfig()

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
     * What carries the bytes of connections. Default [Transport.Auto]; the property `live.transport` of the application's
     * configuration, `auto` or `portable`, wins over it, to switch it without a new build.
     */
    public var transport: Transport = Transport.Auto

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

    internal fun build(): LiveSettings {
        check(heartbeat.timeout > heartbeat.interval) {
            "heartbeat timeout (${heartbeat.timeout}) must be above its interval (${heartbeat.interval})"
        }
        return LiveSettings(
            codecs = CodecTable(codecs),
            transport = transport,
            handlers = session.handlerDispatcher,
            session = buildSession(),
            limits = limits.build(origins.build()),
            topicBuffer = topics.buffer,
            topicLinger = topics.linger,
            drainTimeout = drain.timeout,
            reconnectWindow = drain.reconnectWindow,
        )
    }

    private fun buildSession() =
        SessionSettings(
            queueCapacity = session.queueCapacity,
            queueBytes = session.queueBytes,
            onOverflow = session.onOverflow,
            writeTimeout = session.writeTimeout,
            handlerTimeout = session.handlerTimeout,
            closeTimeout = session.closeTimeout,
            maxTopics = session.maxTopics,
            heartbeatInterval = heartbeat.interval,
            heartbeatTimeout = heartbeat.timeout,
        )
}
