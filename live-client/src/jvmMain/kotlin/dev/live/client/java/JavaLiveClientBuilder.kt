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
     * silently or run them on the caller's thread, as `DiscardPolicy` and `CallerRunsPolicy` do. The first stops a
     * listener without notification, the second runs it on the client's own thread.
     */
    public fun executor(executor: Executor): JavaLiveClientBuilder = apply { this.executor = executor }

    /** Converts classes to and from JSON. Without a mapper, only JSON text can be published and received. */
    public fun mapper(mapper: JsonMapper): JavaLiveClientBuilder = apply { this.mapper = mapper }

    /**
     * Adds a header to every upgrade request.
     *
     * @throws IllegalArgumentException from [build] if [name] is not a valid header name, or [value] is not printable
     *   ASCII
     */
    public fun header(name: String, value: String): JavaLiveClientBuilder = set { header(name, value) }

    /** The offered codecs, in order of preference. */
    public fun codecs(vararg codecs: Codec): JavaLiveClientBuilder = set { codecs(*codecs) }

    /** Exponential backoff with full jitter, between zero and a ceiling that doubles from [baseDelay] to [maxDelay]. */
    @JvmOverloads
    public fun reconnect(
        baseDelay: Duration,
        maxDelay: Duration,
        maxAttempts: Int = Int.MAX_VALUE,
    ): JavaLiveClientBuilder {
        val backoff = ExponentialBackoff(baseDelay.toKotlinDuration(), maxDelay.toKotlinDuration(), maxAttempts)
        return set { reconnect = backoff }
    }

    /** Time without a received message after which the client sends a ping, and after which it reconnects. */
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
     * Reports whether the application is in the foreground, and how long the client stays connected in the
     * background.
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

    /** Time limit for the response to the upgrade. */
    public fun connectTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { connectTimeout = timeout.toKotlinDuration() }

    /** Default timeout of calls. */
    public fun requestTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { requestTimeout = timeout.toKotlinDuration() }

    /** How long a topic stays subscribed after its last callback was removed. */
    public fun linger(time: Duration): JavaLiveClientBuilder = set { linger = time.toKotlinDuration() }

    /** Maximum number of messages, and of payload bytes, that wait to be sent. */
    public fun outbox(messages: Int, bytes: Int): JavaLiveClientBuilder =
        set {
            outbox {
                this.messages = messages
                this.bytes = bytes
            }
        }

    /** Maximum size of a received message in bytes. */
    public fun maxMessageSize(bytes: Int): JavaLiveClientBuilder = set { maxMessageSize = bytes }

    /** The Ktor client that provides the engine. The application closes it. */
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
