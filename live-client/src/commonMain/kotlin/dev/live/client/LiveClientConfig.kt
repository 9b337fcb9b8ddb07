package dev.live.client

import dev.live.client.connection.AppLifecycle
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.connection.HeartbeatSettings
import dev.live.client.connection.NetworkMonitor
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.connection.SurroundingsSettings
import dev.live.client.topic.OutboxRoom
import dev.live.client.transport.KtorTransport
import dev.live.client.transport.Transport
import dev.live.client.transport.defaultCodecs
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.TracedCodec
import io.ktor.client.HttpClient
import io.ktor.utils.io.KtorDsl
import kotlinx.coroutines.Dispatchers
import kotlin.coroutines.CoroutineContext
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** What `LiveClient(url) { ... }` can set. */
@KtorDsl
public class LiveClientConfig internal constructor() {
    private var codecs: List<Codec> = defaultCodecs
    private val headers = LinkedHashMap<String, String>()
    private val heartbeat = HeartbeatConfig()
    private val outbox = OutboxConfig()
    private var bearer: (suspend () -> String)? = null
    private var trace: (() -> String?)? = null

    /** How long to wait before connecting again. Default [ExponentialBackoff] from 250 ms to 30 s, without an end. */
    public var reconnect: ReconnectPolicy = ExponentialBackoff()

    /**
     * The Ktor client whose engine and plugins to use, such as `HttpClient(OkHttp)` on Android below API 24. It stays
     * the application's to close, after this one; if its job is cancelled, so is this client. What came and waits to be
     * read has no bound in it. Its plugins run on threads of `Dispatchers.IO` on the JVM, not on [context]. Default: one
     * on CIO, whose engine it may share with other such clients; after 16 frames the socket is not read there.
     */
    public var httpClient: HttpClient? = null

    /** Replaces [httpClient] and everything below it, for tests. Default null: [KtorTransport]. */
    public var transport: Transport? = null

    /** How long the server may take to answer the upgrade. Default 10 s. Not for a [transport] of one's own. */
    public var connectTimeout: Duration = 10.seconds
        set(value) {
            require(value.isPositive()) { "connectTimeout must be positive, was $value" }
            field = value
        }

    /** How long the [bearer] function may take, which must heed being cancelled. Default 30 s. */
    public var bearerTimeout: Duration = 30.seconds
        set(value) {
            require(value.isPositive()) { "bearerTimeout must be positive, was $value" }
            field = value
        }

    /**
     * How long `publish`, `request` and `send` take at most where they do not say otherwise, the wait for a connection
     * included, and how long the server may take to answer a subscription. Default 10 s.
     */
    public var requestTimeout: Duration = 10.seconds
        set(value) {
            require(value.isPositive()) { "requestTimeout must be positive, was $value" }
            field = value
        }

    /**
     * How long a topic stays subscribed when its last collector has gone, zero or more: a screen that is drawn again finds
     * it as it was. Default 1 s.
     */
    public var linger: Duration = 1.seconds
        set(value) {
            require(!value.isNegative()) { "linger must not be negative, was $value" }
            field = value
        }

    /**
     * Bytes of the largest message that is read, at least 1; a larger one ends the connection. Must be at least 4/3 of
     * the server's `maxMessageSize` and 1 KiB: a body of CBOR is base64 in JSON. Default 1 MiB.
     */
    public var maxMessageSize: Int = 1024 * 1024
        set(value) {
            require(value >= 1) { "maxMessageSize must be at least 1 byte, was $value" }
            field = value
        }

    /**
     * Where the client's coroutines and the [bearer] function run: a dispatcher, and a parent job where one is wanted.
     * Not `Dispatchers.Unconfined`, for the client needs one whose parallelism can be limited. Default
     * `Dispatchers.Default`.
     */
    public var context: CoroutineContext = Dispatchers.Default

    /** What time is measured with; a test in virtual time sets its scheduler's. Default [TimeSource.Monotonic]. */
    public var timeSource: TimeSource = TimeSource.Monotonic

    /** Where the jitter of waits comes from, other than [reconnect]'s own. */
    internal var random: Random = Random.Default

    /** Tells whether the device has a network. Default null: nobody does. */
    public var networkMonitor: NetworkMonitor? = null

    /**
     * Tells whether the application is in use. Default null: nobody does, and the client stays connected. In the background
     * it stays so for the [backgroundGrace], and is then [paused][dev.live.client.connection.ConnectionState.Paused].
     */
    public var lifecycle: AppLifecycle? = null

    /** How long the client stays connected in the background, zero or more. Default 30 s. */
    public var backgroundGrace: Duration = 30.seconds
        set(value) {
            require(!value.isNegative()) { "backgroundGrace must not be negative, was $value" }
            field = value
        }

    /**
     * The codecs to offer, the most wanted first; the server picks the first that it speaks. Default
     * CBOR and JSON on the JVM, JSON elsewhere.
     *
     * @throws IllegalArgumentException if there is none, or one is listed twice
     */
    public fun codecs(vararg codecs: Codec) {
        require(codecs.isNotEmpty()) { "codecs must name at least one codec, such as JsonCodec" }
        val repeated = codecs.groupBy { it.subprotocol }.values.find { it.size > 1 }
        require(repeated == null) { "codec '${repeated?.first()?.subprotocol}' is listed twice" }
        this.codecs = codecs.toList()
    }

    /**
     * A header of every upgrade request. The last one with a [name] counts.
     *
     * @throws IllegalArgumentException if a header may not have [name], or [value] is not printable ASCII
     */
    public fun header(name: String, value: String) {
        requireHeader(name, value)
        headers[name] = value
    }

    /**
     * Where the bearer token comes from. [token] is called before every connection and may suspend; it is sent as
     * `Authorization: Bearer`. Where the server refuses it, the client connects again only with another one. If [token]
     * throws, takes longer than [bearerTimeout] or gives what no header may carry, that counts as a failed attempt.
     *
     * It is called too when the server says that the token in use runs out: another one is sent over the connection
     * that there is. While it gives the same one again, it is asked again after half of the time that is left.
     */
    public fun bearer(token: suspend () -> String) {
        bearer = token
    }

    /**
     * What `publish` and `request` are a part of: a `traceparent` of W3C Trace Context, at most 64 bytes of UTF-8, or null for
     * nothing. [current] is called in the coroutine of whoever publishes or asks, on its thread; what it throws, they throw.
     * It travels only to a server that wants it (`traceContext`), and what such a server sends has one too.
     */
    public fun trace(current: () -> String?) {
        trace = current
    }

    /** How much may wait to be sent, while there is no connection or the network is slower than the application. */
    public fun outbox(configure: OutboxConfig.() -> Unit): Unit = outbox.configure()

    /** How a dead connection is found. */
    public fun heartbeat(configure: HeartbeatConfig.() -> Unit): Unit = heartbeat.configure()

    internal fun build(url: String): ClientSettings {
        requireWebSocketUrl(url)
        return ClientSettings(
            url = url,
            codecs = if (trace == null) codecs else codecs.map(::TracedCodec) + codecs,
            headers = headers.toMap(),
            bearer = bearer,
            bearerTimeout = bearerTimeout,
            trace = trace,
            reconnect = reconnect,
            heartbeat = heartbeat.build(),
            requestTimeout = requestTimeout,
            linger = linger,
            outbox = outbox::build,
            context = context,
            parent = if (transport == null) httpClient?.coroutineContext else null,
            transport = { transport ?: KtorTransport(httpClient, connectTimeout, maxMessageSize) },
            timeSource = timeSource,
            random = random,
            surroundings = SurroundingsSettings(networkMonitor, lifecycle, backgroundGrace),
        )
    }
}

/** What `heartbeat { ... }` can set. */
@KtorDsl
public class HeartbeatConfig internal constructor() {
    /** Silence after which the client sends a `ping`. Default 25 s. */
    public var interval: Duration = 25.seconds
        set(value) {
            require(value.isPositive()) { "heartbeat interval must be positive, was $value" }
            field = value
        }

    /** Silence after which the connection is given up and opened anew. Longer than [interval]. Default 60 s. */
    public var timeout: Duration = 60.seconds
        set(value) {
            require(value.isPositive()) { "heartbeat timeout must be positive, was $value" }
            field = value
        }

    internal fun build(): HeartbeatSettings {
        require(timeout > interval) { "heartbeat timeout ($timeout) must be longer than its interval ($interval)" }
        return HeartbeatSettings(interval, timeout)
    }
}

/**
 * What `outbox { ... }` can set. What waits longer than its `publish` or `request` may take (`requestTimeout`, unless that
 * says otherwise) is not sent any more.
 */
@KtorDsl
public class OutboxConfig internal constructor() {
    /** Messages that may wait, at least 1. When they do, `publish` suspends and `tryPublish` returns false. Default 64. */
    public var messages: Int = 64
        set(value) {
            require(value >= 1) { "outbox messages must be at least 1, was $value" }
            field = value
        }

    /** Bytes of payload that may wait in all, at least 1; a larger one waits alone. Default 1 MiB. */
    public var bytes: Int = 1024 * 1024
        set(value) {
            require(value >= 1) { "outbox bytes must be at least 1, was $value" }
            field = value
        }

    internal fun build() = OutboxRoom(messages, bytes)
}
