package dev.live.client

import dev.live.client.connection.AppLifecycle
import dev.live.client.connection.DeviceSettings
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.connection.NetworkMonitor
import dev.live.client.connection.ReconnectPolicy
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

/** Settings of `LiveClient(url) { ... }`. */
@KtorDsl
public class LiveClientConfig internal constructor() {
    private var codecs: List<Codec> = defaultCodecs
    private val headers = LinkedHashMap<String, String>()
    private val heartbeat = HeartbeatConfig()
    private val outbox = OutboxConfig()
    private var bearer: (suspend () -> String)? = null
    private var trace: (() -> String?)? = null

    /** Delays between reconnects. Default [ExponentialBackoff] from 250 ms to 30 s, without a limit on attempts. */
    public var reconnect: ReconnectPolicy = ExponentialBackoff()

    /**
     * The Ktor client that provides the engine and plugins, such as `HttpClient(OkHttp)` on Android below API 24. The
     * application closes it, after this client; if its job is cancelled, this client is cancelled too. Its queue of
     * received frames is not bounded. On the JVM its plugins run on threads of `Dispatchers.IO`, not in [context].
     * Default: a client on CIO, which may share its engine with other live clients, and stops reading the socket
     * while 16 frames wait.
     */
    public var httpClient: HttpClient? = null

    /** Replaces [httpClient] and all networking, for tests. Default null: [KtorTransport]. */
    public var transport: Transport? = null

    /** Time limit for the connect and the upgrade, positive. Default 10 s. Ignored with a custom [transport]. */
    public var connectTimeout: Duration = 10.seconds
        set(value) {
            require(value.isPositive()) { "connectTimeout must be positive, was $value" }
            field = value
        }

    /** Time limit for the [bearer] function, which must be cancellable. Positive. Default 30 s. */
    public var bearerTimeout: Duration = 30.seconds
        set(value) {
            require(value.isPositive()) { "bearerTimeout must be positive, was $value" }
            field = value
        }

    /**
     * Default timeout of `publish`, `request` and `send`, including the wait for a connection, and the time limit for
     * the reply to a `subscribe`. Positive. Default 10 s.
     */
    public var requestTimeout: Duration = 10.seconds
        set(value) {
            require(value.isPositive()) { "requestTimeout must be positive, was $value" }
            field = value
        }

    /**
     * How long a topic stays subscribed after its last collector has ended, such as during the redraw of a screen.
     * Zero or more. Default 1 s.
     */
    public var linger: Duration = 1.seconds
        set(value) {
            require(!value.isNegative()) { "linger must not be negative, was $value" }
            field = value
        }

    /**
     * Maximum size of a received message in bytes, at least 1; a larger message closes the connection. Must be at
     * least 4/3 of the server's `maxMessageSize` plus 1 KiB, because JSON encodes a CBOR body as base64. Default 1
     * MiB.
     */
    public var maxMessageSize: Int = 1024 * 1024
        set(value) {
            require(value >= 1) { "maxMessageSize must be at least 1 byte, was $value" }
            field = value
        }

    /**
     * Context of the client's coroutines and of the [bearer] function: a dispatcher, and optionally a parent job. The
     * client needs a dispatcher with `limitedParallelism`, so `Dispatchers.Unconfined` is not supported. Default
     * `Dispatchers.Default`.
     */
    public var context: CoroutineContext = Dispatchers.Default

    /**
     * Clock of the client. A test with virtual time sets the time source of its scheduler. Default
     * [TimeSource.Monotonic].
     */
    public var timeSource: TimeSource = TimeSource.Monotonic

    /** Source of jitter, except the jitter of [reconnect]. */
    internal var random: Random = Random.Default

    /** Reports the network of the device. Default null: none. */
    public var networkMonitor: NetworkMonitor? = null

    /**
     * Reports whether the application is in the foreground. In the background the client stays connected for the
     * [backgroundGrace], and is then [paused][dev.live.client.connection.ConnectionState.Paused]. Default null: the
     * client always stays connected.
     */
    public var lifecycle: AppLifecycle? = null

    /** How long the client stays connected in the background, zero or more. Default 30 s. */
    public var backgroundGrace: Duration = 30.seconds
        set(value) {
            require(!value.isNegative()) { "backgroundGrace must not be negative, was $value" }
            field = value
        }

    /**
     * The offered codecs in order of preference; the server selects the first one that it supports. Default CBOR and
     * JSON on the JVM, JSON on other platforms.
     *
     * @throws IllegalArgumentException if [codecs] is empty or lists a codec twice
     */
    public fun codecs(vararg codecs: Codec) {
        require(codecs.isNotEmpty()) { "codecs must name at least one codec, such as JsonCodec" }
        val repeated = codecs.groupBy { it.subprotocol }.values.find { it.size > 1 }
        require(repeated == null) { "codec '${repeated?.first()?.subprotocol}' is listed twice" }
        this.codecs = codecs.toList()
    }

    /**
     * Adds a header to every upgrade request. A header with the same [name] is replaced.
     *
     * @throws IllegalArgumentException if [name] is not a valid header name, or [value] is not printable ASCII
     */
    public fun header(name: String, value: String) {
        requireHeader(name, value)
        headers[name] = value
    }

    /**
     * Provides the bearer token. [token] is called before every connection and may suspend; its result is sent as
     * `Authorization: Bearer`. After a rejected token the client reconnects only with a different one. If [token]
     * throws, takes longer than [bearerTimeout] or returns a value that is not valid in a header, the connection
     * attempt fails and is retried.
     *
     * [token] is also called when the server announces that the token expires soon; a new token is sent on the open
     * connection. As long as [token] returns the old one, it is called again after half of the remaining time.
     */
    public fun bearer(token: suspend () -> String) {
        bearer = token
    }

    /**
     * Adds W3C Trace Context to the messages of `publish` and `request`. [current] returns the `traceparent`, at most
     * 64 bytes of UTF-8, or null for none. It is called on the thread and in the coroutine of the caller, which also
     * receives its exceptions. The trace is sent only to a server that enables `traceContext`; messages of such a
     * server have one too.
     */
    public fun trace(current: () -> String?) {
        trace = current
    }

    /** Limits for the messages that wait to be sent, while there is no connection or the network is too slow. */
    public fun outbox(configure: OutboxConfig.() -> Unit): Unit = outbox.configure()

    /** Settings for the detection of dead connections. */
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
            device = DeviceSettings(networkMonitor, lifecycle, backgroundGrace),
        )
    }
}
