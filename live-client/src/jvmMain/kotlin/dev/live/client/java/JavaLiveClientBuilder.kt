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

/** What a [JavaLiveClient] is made with; see [LiveClientConfig] for defaults. Not thread-safe. */
public class JavaLiveClientBuilder internal constructor(private val url: String) {
    private val settings = mutableListOf<LiveClientConfig.() -> Unit>()
    private var executor: Executor = ForkJoinPool.commonPool()
    private var token: Supplier<String>? = null
    private var mapper: JsonMapper? = null

    /**
     * Where the bearer token comes from: called on the executor, which it may block, before every connection
     * and when the token in use runs out.
     */
    public fun bearer(token: Supplier<String>): JavaLiveClientBuilder = apply { this.token = token }

    /**
     * What `publish` and `request` are a part of: a `traceparent` of W3C Trace Context, or null. Called by the thread that
     * publishes or asks, before they return; must not block. What it throws fails their future.
     */
    public fun trace(current: Supplier<String?>): JavaLiveClientBuilder = set { trace { current.get() } }

    /**
     * Where callbacks and [bearer] run. Default `ForkJoinPool.commonPool()`. It is not shut down by the client.
     *
     * It may reject a task with a [RejectedExecutionException][java.util.concurrent.RejectedExecutionException]: that ends a
     * listener, is a token that failed, and is `internal` to the server's request. It must neither drop a task in silence
     * nor run it in the caller's thread, as `DiscardPolicy` and `CallerRunsPolicy` do: the first stops a listener without a
     * word, the second runs it on the client's own thread.
     */
    public fun executor(executor: Executor): JavaLiveClientBuilder = apply { this.executor = executor }

    /** What turns classes into JSON. Without one only JSON text can be published and received. */
    public fun mapper(mapper: JsonMapper): JavaLiveClientBuilder = apply { this.mapper = mapper }

    /**
     * A header of every upgrade request.
     *
     * @throws IllegalArgumentException from [build] if a header may not have [name], or [value] is not printable ASCII
     */
    public fun header(name: String, value: String): JavaLiveClientBuilder = set { header(name, value) }

    /** The codecs to offer, the most wanted first. */
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

    /** Silence after which the client asks for a sign of life, and silence after which it gives the connection up. */
    public fun heartbeat(interval: Duration, timeout: Duration): JavaLiveClientBuilder =
        set {
            heartbeat {
                this.interval = interval.toKotlinDuration()
                this.timeout = timeout.toKotlinDuration()
            }
        }

    /** Who tells whether the device has a network, such as the one for Android. */
    public fun networkMonitor(monitor: NetworkMonitor): JavaLiveClientBuilder = set { networkMonitor = monitor }

    /** Who tells whether the application is in use, and how long the client stays connected when it is not. */
    @JvmOverloads
    public fun lifecycle(app: AppLifecycle, backgroundGrace: Duration? = null): JavaLiveClientBuilder =
        set {
            lifecycle = app
            backgroundGrace?.let { this.backgroundGrace = it.toKotlinDuration() }
        }

    /** How long the [bearer] function may take, at least 1 ms; then its thread is interrupted. Default 30 s. */
    public fun bearerTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { bearerTimeout = timeout.toKotlinDuration() }

    /** How long the server may take to answer the upgrade. */
    public fun connectTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { connectTimeout = timeout.toKotlinDuration() }

    /** How long calls take at most where they do not say otherwise. */
    public fun requestTimeout(timeout: Duration): JavaLiveClientBuilder =
        set { requestTimeout = timeout.toKotlinDuration() }

    /** How long a topic stays subscribed when its last callback has gone. */
    public fun linger(time: Duration): JavaLiveClientBuilder = set { linger = time.toKotlinDuration() }

    /** How many messages, and how many bytes of payload, may wait to be sent. */
    public fun outbox(messages: Int, bytes: Int): JavaLiveClientBuilder =
        set {
            outbox {
                this.messages = messages
                this.bytes = bytes
            }
        }

    /** Bytes of the largest message that is read. */
    public fun maxMessageSize(bytes: Int): JavaLiveClientBuilder = set { maxMessageSize = bytes }

    /** The Ktor client whose engine to use; it stays the application's to close. */
    public fun httpClient(client: HttpClient): JavaLiveClientBuilder = set { httpClient = client }

    /**
     * Makes the client, which starts to connect at once.
     *
     * @throws IllegalArgumentException if the URL or a setting is not valid; the message says which and why
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
