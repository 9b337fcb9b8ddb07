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
 * Thread-safe. Callbacks run on the builder's executor; those of one subscription run one at a time. If the executor
 * rejects a task, the listener ends: its `onFailure` receives the
 * [RejectedExecutionException][java.util.concurrent.RejectedExecutionException] on a thread of the library. Futures
 * complete nevertheless. Requires API 26 on Android, for `java.time` and `CompletableFuture`.
 */
public class JavaLiveClient internal constructor(
    /** The underlying client, for Kotlin libraries. */
    @get:JvmSynthetic public val client: LiveClient,
    private val mapper: JsonMapper?,
    executor: Executor,
) : AutoCloseable {
    // the scope of callbacks, cancelled by close(); the underlying client has its own scope
    private val dispatcher = executor.asCoroutineDispatcher()
    private val scope = CoroutineScope(SupervisorJob() + dispatcher + CoroutineName("live-java"))

    @get:JvmSynthetic internal val callbacks: Callbacks = Callbacks(scope)

    @get:JvmSynthetic internal val statuses: Flow<ConnectionStatus>
        get() = client.state.map { ConnectionStatus.of(it) }

    /** The current connection status. */
    public val status: ConnectionStatus get() = ConnectionStatus.of(client.state.value)

    /**
     * Calls [listener] with the current status and with every change. A slow listener may miss all but the newest
     * status.
     */
    public fun onStatus(listener: Consumer<in ConnectionStatus>): Subscription =
        callbacks.subscribe(statuses, listener, onFailure = null)

    /** Checks the connection, or connects now: see [LiveClient.probe]. Does not block. */
    public fun probe(): Unit = client.probe()

    /** The topic called [name], with payloads as JSON text. */
    public fun topic(name: String): JavaTopic<String> = topic(name, Payloads(String::class.java, null))

    /** The topic called [name], with payloads of [type], converted by the builder's mapper. */
    public fun <T : Any> topic(name: String, type: Class<T>): JavaTopic<T> = topic(name, Payloads(type, mapper))

    /**
     * Sends a request of [type] with [query], a JSON text. The future returns the reply as JSON text, or fails like the
     * other `request`.
     *
     * @throws IllegalArgumentException if [query] is not valid JSON
     */
    @JvmOverloads
    public fun request(type: String, query: String, timeout: Duration? = null): CompletableFuture<String> {
        val payloads = Payloads(String::class.java, null)
        return request(type, query, payloads, payloads, timeout)
    }

    /**
     * Sends a request of [type] with [query], serialized by the builder's mapper. The future returns the reply, or
     * fails with a [LiveException]: with the server's code or `timeout`, or as [BadPayloadException] if the reply does
     * not match [replyType].
     *
     * @param timeout limit for the whole call, including the wait for a connection, positive; null: the client's
     *   `requestTimeout`
     * @throws IllegalArgumentException if the mapper cannot serialize [query]
     * @throws IllegalStateException if [query] is not a `String` and the builder has no mapper
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
     * Sends a request of [type] with [query], a JSON text, and the idempotency key [key]: see [LiveClient.request]. A
     * retry with the same key, such as after a `ConnectionLostException`, returns the reply of the first request.
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

    /** Sends a request of [type] with [query], serialized by the builder's mapper, and the idempotency key [key]. */
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
     * Handles requests of [type] from the server with [handler], which receives and returns JSON text, until the
     * result is closed. Handlers run on the client's executor, at most 64 concurrently; see [LiveClient.onRequest].
     *
     * @throws IllegalArgumentException if [type] is reserved by the protocol or already has a handler
     */
    public fun onRequest(type: String, handler: RequestHandler<String, String>): Subscription {
        val payloads = Payloads(String::class.java, null)
        return onRequest(type, payloads, payloads, handler)
    }

    /**
     * Handles requests of [type] with [handler]. The builder's mapper converts the query to [queryType] and the reply
     * to JSON.
     */
    public fun <Q : Any> onRequest(
        type: String,
        queryType: Class<Q>,
        handler: RequestHandler<in Q, out Any>,
    ): Subscription = onRequest(type, Payloads(queryType, mapper), Payloads(Any::class.java, mapper), handler)

    /** Calls [onMessage] with messages that are not replies and belong to no topic with a listener. */
    public fun onMessage(onMessage: Consumer<in Message>): Subscription =
        callbacks.subscribe(client.messages, onMessage, onFailure = null)

    /** Sends [message] unchanged; the future completes when the connection has accepted it for writing. */
    @JvmOverloads
    public fun send(message: Message, timeout: Duration? = null): CompletableFuture<Void> =
        callbacks.call { client.send(message, timeout?.toKotlinDuration()) }

    /**
     * Closes the connection and releases all resources. Blocks until this is done, for at most 5 s. Pending futures
     * fail, and callbacks end. If the thread is interrupted, the method returns with the interrupt flag set, and the
     * close continues in the background. Do not call it on a single-threaded executor that also runs the callbacks.
     */
    override fun close() {
        try {
            client.beginClose().asCompletableFuture().get(CLOSE_SECONDS, TimeUnit.SECONDS)
        } catch (_: TimeoutException) {
            // the close continues in the background
        } catch (_: InterruptedException) {
            Thread.currentThread().interrupt() // close() must not throw InterruptedException
        } catch (_: CancellationException) {
            // the job of a closed client is cancelled
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
                // a blocking handler is interrupted when the connection ends
                runOn(dispatcher) { replies.write(handler.handle(queries.read(request))) }
            }
        return Subscription { registered.close() }
    }

    private fun <T : Any> topic(name: String, payloads: Payloads<T>): JavaTopic<T> =
        JavaTopic(client.topic(name, payloads), payloads, callbacks)

    public companion object {
        private const val CLOSE_SECONDS = 5L

        /** Creates a builder for a client of the server at [url], `ws://` or `wss://`; `build` validates the URL. */
        @JvmStatic
        public fun builder(url: String): JavaLiveClientBuilder = JavaLiveClientBuilder(url)

        /**
         * The exception that a [RequestHandler] throws to reject a request: the server receives an `error` with
         * [code] and [reason].
         *
         * @param reason one short sentence for the server's developer or user; no secrets
         */
        @JvmStatic
        public fun refusal(code: ErrorCode, reason: String): LiveException = LiveException(code, reason)

        /**
         * The delay that the server requested before a retry, such as for `rate_limited`; null if it requested none.
         */
        @JvmStatic
        public fun retryAfter(failure: LiveException): Duration? = failure.retryAfter?.toJavaDuration()
    }
}
