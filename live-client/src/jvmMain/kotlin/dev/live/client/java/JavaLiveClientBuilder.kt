package dev.live.client.java

import dev.live.client.LiveClient
import dev.live.client.LiveClientConfig
import dev.live.client.connection.AppLifecycle
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.connection.NetworkMonitor
import dev.live.protocol.Codec
import io.ktor.client.HttpClient
import kotlinx.coroutines.asCoroutineDispatcher
import java.time.Duration
import java.util.concurrent.Executor
import java.util.concurrent.ForkJoinPool
import java.util.function.Supplier
import kotlin.time.toKotlinDuration

/** Builder of a [JavaLiveClient]; see [LiveClientConfig] for defaults. Not thread-safe. */
public class JavaLiveClientBuilder internal constructor(private val url: String) {
    private val settings = mutableListOf<LiveClientConfig.() -> Unit>()
    private var executor: Executor = ForkJoinPool.commonPool()
    private var token: Supplier<String>? = null
    private var mapper: JsonMapper? = null

    /**
     * Provides the bearer token. [token] is called on the executor, which it may block, before every connection and
     * before the current token expires.
     */
    public fun bearer(token: Supplier<String>): JavaLiveClientBuilder = apply { this.token = token }

    /**
     * Adds W3C Trace Context to the messages of `publish` and `request`: [current] returns the `traceparent`, or
     * null. It is called on the caller's thread and must not block. Its exceptions fail the future of the call.
     */
    public fun trace(current: Supplier<String?>): JavaLiveClientBuilder = set { trace { current.get() } }

    /**
     * Executor of callbacks and [bearer]. Default `ForkJoinPool.commonPool()`. The client does not shut it down.
     *
     * It may reject a task with a [RejectedExecutionException][java.util.concurrent.RejectedExecutionException]: this
     * ends a listener, fails a token request, and rejects a server request with `internal`. It must not drop tasks
     * silently or run them on the caller's thread, as `DiscardPolicy` and `CallerRunsPolicy` do. The former
     * stops a listener without notification, the latter runs it on the client's own thread.
     */
    public fun executor(executor: Executor): JavaLiveClientBuilder = apply { this.executor = executor }

    /** Converts classes to and from JSON. Without a mapper, only JSON text can be published and received. */
    public fun mapper(mapper: JsonMapper): JavaLiveClientBuilder = apply { this.mapper = mapper }

    /**
     * Adds a header to every upgrade request. A header with the same [name] is replaced.
     *
     * @throws IllegalArgumentException from [build] if [name] is not a valid header name, or [value] is not printable
     *   ASCII
     */
    public fun header(name: String, value: String): JavaLiveClientBuilder = set { header(name, value) }

    /** The offered codecs, in order of preference. Default CBOR and JSON. */
    public fun codecs(vararg codecs: Codec): JavaLiveClientBuilder = set { codecs(*codecs) }

    /**
     * Reconnects with exponential backoff and full jitter: after a random delay between zero and a maximum that grows
     * by the factor 1.35 from [baseDelay] to [maxDelay]. Default 250 ms to 30 s, without a limit on attempts.
     *
     * @throws IllegalArgumentException if [baseDelay] is not positive, [maxDelay] is below it, or [maxAttempts] is
     *   negative
     */
    @JvmOverloads
    public fun reconnect(
        baseDelay: Duration,
        maxDelay: Duration,
        maxAttempts: Int = Int.MAX_VALUE,
    ): JavaLiveClientBuilder {
        val backoff = ExponentialBackoff(baseDelay.toKotlinDuration(), maxDelay.toKotlinDuration(), maxAttempts)
        return set { reconnect = backoff }
    }

    /**
     * Time without a received message after which the client sends a ping, and after which it reconnects. Default 25 s
     * and 60 s.
     */
    public fun heartbeat(interval: Duration, timeout: Duration): JavaLiveClientBuilder =
        set {
            heartbeat {
                this.interval = interval.toKotlinDuration()
                this.timeout = timeout.toKotlinDuration()
            }
        }

    /** Reports the network of the device, such as `AndroidNetworkMonitor`. */
    public fun networkMonitor(monitor: NetworkMonitor): JavaLiveClientBuilder = set { networkMonitor = monitor }

    /**
     * Reports whether the application is in the foreground, and how long the client stays connected in the background.
     * Null for [backgroundGrace] means the default of 30 s.
     */
    @JvmOverloads
    public fun lifecycle(app: AppLifecycle, backgroundGrace: Duration? = null): JavaLiveClientBuilder =
        set {
            lifecycle = app
            backgroundGrace?.let { this.backgroundGrace = it.toKotlinDuration() }
        }

    /** Time limit for the [bearer] function, at least 1 ms, after which its thread is interrupted. Default 30 s. */
    public fun bearerTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { bearerTimeout = timeout.toKotlinDuration() }

    /** Time limit for the connect and the upgrade. Default 10 s. */
    public fun connectTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { connectTimeout = timeout.toKotlinDuration() }

    /** Timeout of calls that set none. Default 10 s. */
    public fun requestTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { requestTimeout = timeout.toKotlinDuration() }

    /** How long a topic stays subscribed after its last callback was removed. Default 1 s. */
    public fun linger(time: Duration): JavaLiveClientBuilder = set { linger = time.toKotlinDuration() }

    /** Maximum number of messages, and of payload bytes, that wait to be sent. Default 64 messages and 1 MiB. */
    public fun outbox(messages: Int, bytes: Int): JavaLiveClientBuilder =
        set {
            outbox {
                this.messages = messages
                this.bytes = bytes
            }
        }

    /** Maximum size of a received message in bytes. Default 1 MiB. */
    public fun maxMessageSize(bytes: Int): JavaLiveClientBuilder = set { maxMessageSize = bytes }

    /** The Ktor client that provides the engine and plugins. The application closes it, after this client. */
    public fun httpClient(client: HttpClient): JavaLiveClientBuilder = set { httpClient = client }

    /**
     * Creates the client, which connects immediately.
     *
     * @throws IllegalArgumentException if the URL or a setting is invalid; the message names it and the reason
     */
    public fun build(): JavaLiveClient {
        val dispatcher = executor.asCoroutineDispatcher()
        val client =
            LiveClient(url) {
                settings.forEach { it() }
                token?.let { supplier -> bearer { runOn(dispatcher) { supplier.get() } } }
            }
        return JavaLiveClient(client, mapper, executor)
    }

    private fun set(setting: LiveClientConfig.() -> Unit): JavaLiveClientBuilder = apply { settings += setting }
}
