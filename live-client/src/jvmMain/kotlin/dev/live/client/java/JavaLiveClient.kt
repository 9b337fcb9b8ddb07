package dev.live.client.java

import dev.live.client.LiveClient
import dev.live.protocol.BadPayloadException
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.future.asCompletableFuture
import java.time.Duration
import java.util.concurrent.CancellationException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import java.util.function.Consumer
import kotlin.time.toJavaDuration
import kotlin.time.toKotlinDuration

/**
 * [LiveClient] for Java: futures for suspending calls, callbacks for flows, [java.time.Duration].
 *
 * ```java
 * try (JavaLiveClient live = JavaLiveClient.builder("wss://example.com/live").bearer(tokens::fresh).build();
 *      Subscription chat = live.topic("room/42").onMessage(System.out::println)) {
 *     live.topic("room/42").publish("{\"text\":\"hello\"}").get();
 * }
 * ```
 *
 * Thread-safe. Callbacks run on the builder's executor, one subscription's one at a time. A listener whose executor rejects
 * a task ends: its `onFailure` gets the [RejectedExecutionException][java.util.concurrent.RejectedExecutionException], on a
 * thread of the library. Futures complete with their answers also then. On Android it needs API 26, for `java.time` and
 * `CompletableFuture`.
 */
public class JavaLiveClient internal constructor(
    /** The client behind this facade, for libraries in Kotlin that build on it. */
    @get:JvmSynthetic public val client: LiveClient,
    private val mapper: JsonMapper?,
    executor: Executor,
) : AutoCloseable {
    // the callbacks' own, cancelled by close(); the client below has another
    private val dispatcher = executor.asCoroutineDispatcher()
    private val scope = CoroutineScope(SupervisorJob() + dispatcher + CoroutineName("live-java"))

    @get:JvmSynthetic internal val callbacks: Callbacks = Callbacks(scope)

    @get:JvmSynthetic internal val statuses: Flow<ConnectionStatus>
        get() = client.state.map { ConnectionStatus.of(it) }

    /** How the client stands with its server now. */
    public val status: ConnectionStatus get() = ConnectionStatus.of(client.state.value)

    /**
     * Calls [listener] with the status now and with every change that it can keep up with; the newest is never missed.
     */
    public fun onStatus(listener: Consumer<in ConnectionStatus>): Subscription =
        callbacks.subscribe(statuses, listener, onFailure = null)

    /** Looks whether the connection still stands, or tries now to connect: see [LiveClient.probe]. Does not block. */
    public fun probe(): Unit = client.probe()

    /** The topic called [name], with payloads as JSON text. */
    public fun topic(name: String): JavaTopic<String> = topic(name, Payloads(String::class.java, null))

    /** The topic called [name], with payloads of [type], which the builder's mapper reads and writes. */
    public fun <T : Any> topic(name: String, type: Class<T>): JavaTopic<T> = topic(name, Payloads(type, mapper))

    /** Sends a request of [type] with [query], JSON text. The future has the reply's JSON text. */
    @JvmOverloads
    public fun request(type: String, query: String, timeout: Duration? = null): CompletableFuture<String> {
        val payloads = Payloads(String::class.java, null)
        return request(type, query, payloads, payloads, timeout)
    }

    /**
     * Sends a request of [type] with [query], which the builder's mapper writes. The future has the reply, or fails
     * with a [LiveException]: with the server's code, `timeout`, or as [BadPayloadException] if the reply is no [R].
     *
     * @param timeout for all of it, the wait for a connection included; null: the client's `requestTimeout`
     */
    @JvmOverloads
    public fun <R : Any> request(
        type: String,
        query: Any,
        replyType: Class<R>,
        timeout: Duration? = null,
    ): CompletableFuture<R> =
        request(type, query, Payloads(Any::class.java, mapper), Payloads(replyType, mapper), timeout)

    /**
     * Sends a request of [type] with [query], JSON text, that the server carries out once for each [key]: see
     * [LiveClient.request]. Asked again with its key, after a `ConnectionLostException`, it has the first one's reply.
     */
    @JvmOverloads
    public fun requestWithKey(
        type: String,
        key: String,
        query: String,
        timeout: Duration? = null,
    ): CompletableFuture<String> {
        val payloads = Payloads(String::class.java, null)
        return request(type, query, payloads, payloads, timeout, key)
    }

    /** Sends a request of [type] with [query], which the builder's mapper writes, and a [key]. */
    @JvmOverloads
    public fun <R : Any> requestWithKey(
        type: String,
        key: String,
        query: Any,
        replyType: Class<R>,
        timeout: Duration? = null,
    ): CompletableFuture<R> =
        request(type, query, Payloads(Any::class.java, mapper), Payloads(replyType, mapper), timeout, key)

    /**
     * Answers requests of [type] that the server sends, JSON text, with the JSON text that [handler] returns, until the
     * result is closed. Handlers run on the client's executor, several at a time; see [LiveClient.onRequest].
     *
     * @throws IllegalArgumentException if [type] is one of the protocol's own, or has a handler already
     */
    public fun onRequest(type: String, handler: RequestHandler<String, String>): Subscription {
        val payloads = Payloads(String::class.java, null)
        return onRequest(type, payloads, payloads, handler)
    }

    /**
     * Answers requests of [type] with what [handler] returns for a query of [queryType]; the builder's mapper reads and
     * writes.
     */
    public fun <Q : Any> onRequest(
        type: String,
        queryType: Class<Q>,
        handler: RequestHandler<in Q, out Any>,
    ): Subscription = onRequest(type, Payloads(queryType, mapper), Payloads(Any::class.java, mapper), handler)

    /** Calls [onMessage] with messages that answer nothing and are of no topic that is listened to. */
    public fun onMessage(onMessage: Consumer<in Message>): Subscription =
        callbacks.subscribe(client.messages, onMessage, onFailure = null)

    /** Sends [message] as it is; the future completes when it has been handed to the connection. */
    @JvmOverloads
    public fun send(message: Message, timeout: Duration? = null): CompletableFuture<Void> =
        callbacks.call { client.send(message, timeout?.toKotlinDuration()) }

    /**
     * Says goodbye and leaves nothing behind. Blocks while it does, for 5 s at most. Futures that wait fail; callbacks
     * end. Whoever is interrupted waits no longer, and stays interrupted; the closing goes on by itself. Not for use on
     * an executor of one thread that the callbacks need too.
     */
    override fun close() {
        try {
            client.beginClose().asCompletableFuture().get(CLOSE_SECONDS, TimeUnit.SECONDS)
        } catch (_: TimeoutException) {
            // the closing goes on by itself
        } catch (_: InterruptedException) {
            Thread.currentThread().interrupt() // for the caller: Java does not expect close() to throw this
        } catch (_: CancellationException) {
            // closed: a cancelled job is how it ends
        } finally {
            scope.cancel()
        }
    }

    private fun <Q : Any, R : Any> request(
        type: String,
        query: Q,
        queries: Payloads<Q>,
        replies: Payloads<R>,
        timeout: Duration?,
        key: String? = null,
    ): CompletableFuture<R> {
        val body = queries.write(query)
        val limit = timeout?.toKotlinDuration()
        return callbacks.future { replies.read(client.requestMessage(type, "", body, limit, key)) }
    }

    private fun <Q : Any, R : Any> onRequest(
        type: String,
        queries: Payloads<Q>,
        replies: Payloads<R>,
        handler: RequestHandler<in Q, out R>,
    ): Subscription {
        val registered =
            client.onRequestMessage(type) { request ->
                // interrupted where it blocks when the connection ends
                runOn(dispatcher) { replies.write(handler.handle(queries.read(request))) }
            }
        return Subscription { registered.close() }
    }

    private fun <T : Any> topic(name: String, payloads: Payloads<T>): JavaTopic<T> =
        JavaTopic(client.topic(name, payloads), payloads, callbacks)

    public companion object {
        private const val CLOSE_SECONDS = 5L

        /** A builder of a client of the server at [url], `ws://` or `wss://`. */
        @JvmStatic
        public fun builder(url: String): JavaLiveClientBuilder = JavaLiveClientBuilder(url)

        /**
         * What a [RequestHandler] throws to refuse a request: the server gets an `error` with [code] and [reason].
         *
         * @param reason one short sentence for the server's developer or user; no secrets
         */
        @JvmStatic
        public fun refusal(code: ErrorCode, reason: String): LiveException = LiveException(code, reason)

        /** How long the server asks to wait before what it [refused] is tried again, such as `rate_limited`; or null. */
        @JvmStatic
        public fun retryAfter(refused: LiveException): Duration? = refused.retryAfter?.toJavaDuration()
    }
}
