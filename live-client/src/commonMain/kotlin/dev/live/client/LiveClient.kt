package dev.live.client

import dev.live.client.connection.ConnectionLoop
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DeviceConditions
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.TokenProvider
import dev.live.client.connection.TokenRenewal
import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.MessageConverter
import dev.live.client.topic.Outbox
import dev.live.client.topic.PendingReplies
import dev.live.client.topic.Pings
import dev.live.client.topic.RawConverter
import dev.live.client.topic.Refs
import dev.live.client.topic.RequestHandlers
import dev.live.client.topic.RequestScope
import dev.live.client.topic.RequestSender
import dev.live.client.topic.Router
import dev.live.client.topic.SerializerConverter
import dev.live.client.topic.SubscriptionReplies
import dev.live.client.topic.Subscriptions
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.serialization.KSerializer
import kotlinx.serialization.serializer
import kotlin.coroutines.ContinuationInterceptor
import kotlin.time.Duration

/**
 * A client with one logical connection to a server: topics as flows, `publish` and `request` as suspending functions.
 *
 * Thread-safe. After a lost connection the client reconnects automatically and restores all subscriptions. Flows
 * continue; messages published meanwhile are missed unless the topic keeps a history. Requests without a reply fail
 * with [ConnectionLostException] and are not sent again. [state] reports the connection state. All coroutines run in
 * the client's own scope, which [close] cancels.
 *
 * One file, because it is the client's whole API, and much of it is documentation. Other classes do the work.
 */
public class LiveClient internal constructor(private val settings: ClientSettings) {
    private val workers: CoroutineDispatcher =
        settings.context[ContinuationInterceptor] as? CoroutineDispatcher ?: Dispatchers.Default

    // All state of the client is only accessed on this dispatcher, which runs one task at a time: there are no locks.
    private val dispatcher = workers.limitedParallelism(1, "live-client")
    private val scope =
        CoroutineScope(
            settings.context + SupervisorJob(settings.context[Job] ?: settings.parent?.get(Job)) + dispatcher +
                CoroutineName("live-client"),
        )

    private val refs = Refs()
    private val outbox = Outbox(settings.outbox())
    private val pending = PendingReplies()
    private val requests = RequestHandlers(scope, workers, outbox)
    private val pings = Pings(outbox, refs)
    private val replies = SubscriptionReplies(scope, refs, pending, pings, settings.requestTimeout)
    private val subscriptions = Subscriptions(scope, outbox, replies, settings.linger)
    private val router = Router(dispatcher, outbox, pending, pings, subscriptions, requests)
    private val requestSender =
        RequestSender(scope, dispatcher, workers, refs, outbox, pending, pings::send) {
            settings.trace?.invoke().orEmpty()
        }
    private val tokens = TokenProvider(workers, settings.bearer, settings.bearerTimeout)
    private val renewal = TokenRenewal(tokens, requestSender, settings.requestTimeout)
    private val transport = settings.transport()
    private val conditions = DeviceConditions(settings.device)
    private val loop =
        ConnectionLoop(settings.connectionSettings(), transport, tokens, renewal, outbox, router, pings, conditions)

    // atomic: the cleanup in run() must execute even if the client is closed before the first step
    @OptIn(DelicateCoroutinesApi::class)
    private val running = scope.launch(CoroutineName("live-connection"), CoroutineStart.ATOMIC) { run() }

    /** The state of the connection. */
    public val state: StateFlow<ConnectionState> get() = loop.state

    /**
     * Messages that are not replies and belong to no collected topic, such as an endpoint's own message types. Each
     * collector has a buffer of 64 messages; when it is full, the oldest is dropped. There is no replay for later
     * collectors.
     */
    public val messages: Flow<Message> = router.unrouted(CollectorOverflow.DropOldest)

    /**
     * The topic called [name], with payloads encoded and decoded by [serializer]. This call is cheap and sends
     * nothing to the server; collecting [ClientTopic.messages] subscribes.
     *
     * @param overflow behavior when a collector's buffer of 64 updates is full
     * @param onBadPayload called in a collector's coroutine for a payload that cannot be decoded. If it returns, the
     *   message is skipped; if it throws, which is the default, the flow fails.
     * @throws IllegalArgumentException if [name] is empty, over 256 bytes of UTF-8 or contains control characters
     */
    public fun <T> topic(
        name: String,
        serializer: KSerializer<T>,
        overflow: CollectorOverflow = CollectorOverflow.Recover,
        onBadPayload: (BadPayloadException) -> Unit = { throw it },
    ): ClientTopic<T> = topic(name, SerializerConverter(serializer), overflow, onBadPayload)

    /** The topic called [name], with payloads of type [T]; see the other [topic]. */
    public inline fun <reified T> topic(
        name: String,
        overflow: CollectorOverflow = CollectorOverflow.Recover,
        noinline onBadPayload: (BadPayloadException) -> Unit = { throw it },
    ): ClientTopic<T> = topic(name, serializer<T>(), overflow, onBadPayload)

    /**
     * The topic called [name] with its messages as received: of every type, those of the application's own types and
     * `presence` included. Shares the subscription of [topic].
     *
     * [ClientTopic.publish] sends only the body of a message. It throws [IllegalArgumentException] if the message has
     * no body, or its type is neither `message` nor `publish`. Use [send] for messages of other types.
     *
     * @param overflow behavior when a collector's buffer of 64 updates is full
     * @throws IllegalArgumentException if [name] is empty, over 256 bytes of UTF-8 or contains control characters
     */
    public fun rawTopic(name: String, overflow: CollectorOverflow = CollectorOverflow.Recover): ClientTopic<Message> =
        topic(name, RawConverter, overflow)

    internal fun <T> topic(
        name: String,
        converter: MessageConverter<T>,
        overflow: CollectorOverflow = CollectorOverflow.Recover,
        onBadPayload: (BadPayloadException) -> Unit = { throw it },
    ): ClientTopic<T> =
        ClientTopic(name, converter, overflow, onBadPayload, router, requestSender, settings.requestTimeout)

    /**
     * Sends a request of [type] with the payload [query] and returns the server's reply.
     *
     * @param timeout limit for the whole call, including the wait for a connection, positive; null: the client's
     *   `requestTimeout`
     * @param key idempotency key, such as an order number, 1 to 63 bytes of UTF-8. If the server declares [type]
     *   idempotent, a retry with the same key, such as after a [ConnectionLostException], returns the reply of the
     *   first request.
     * @throws LiveException with the server's code if the server rejects the request, [ErrorCode.Timeout] if no reply
     *   arrives in time, [ErrorCode.BadPayload] if the reply does not match [R]
     * @throws ConnectionLostException if the connection broke before the reply; the server may have processed the
     *   request
     * @throws ClientClosedException if the client is closed
     * @throws IllegalStateException if another request with [key] waits for its reply
     * @throws IllegalArgumentException if [type] is empty or over 64 bytes of UTF-8, [key] is empty or too long, or
     *   [timeout] is not positive
     */
    public suspend inline fun <reified Q, reified R> request(
        type: String,
        query: Q,
        timeout: Duration? = null,
        key: String? = null,
    ): R = requestMessage(type, body = Body.of(query), timeout = timeout, key = key).decode()

    /**
     * Sends a request of [type] with [body], to [topic] unless that is empty, and returns the reply message. Throws
     * like [request]. It is not an overload of [request], so that a text query cannot be mistaken for a topic.
     */
    public suspend fun requestMessage(
        type: String,
        topic: String = "",
        body: Body? = null,
        timeout: Duration? = null,
        key: String? = null,
    ): Message {
        val limit = checked(timeout)
        if (key != null) return requestSender.requestOnce(key, type, topic, body, limit)
        return requestSender.request(type, topic, body, limit)
    }

    /**
     * Handles requests of [type] from the server with [handler], until the result is closed. Handlers run in the
     * client's `context`, at most 64 concurrently; further requests are rejected with `rate_limited`. A handler is
     * cancelled when its connection ends.
     *
     * A rejection, or a [LiveException] thrown by [handler], is sent to the server with its code. For any other
     * exception, and for exceptions of this client such as [ConnectionLostException], the server receives `internal`.
     * The exception then goes to the `CoroutineExceptionHandler` of the client's `context`, or to the thread's uncaught
     * exception handler.
     *
     * @param timeout time limit for [handler], positive, after which it is cancelled; null: the client's
     *   `requestTimeout`
     * @throws IllegalArgumentException if [type] is reserved by the protocol or already has a handler, or [timeout] is
     *   not positive
     */
    public inline fun <reified Q, reified R> onRequest(
        type: String,
        timeout: Duration? = null,
        noinline handler: suspend RequestScope.(Q) -> R,
    ): AutoCloseable = onRequestMessage(type, timeout) { Body.of(handler(it.decode())) }

    /**
     * Handles requests of [type] with the payload that [handler] returns, or none if null; otherwise the same as
     * [onRequest].
     */
    public fun onRequestMessage(
        type: String,
        timeout: Duration? = null,
        handler: suspend RequestScope.(Message) -> Body?,
    ): AutoCloseable = requests.add(type, checked(timeout), handler)

    /**
     * Sends [message] unchanged. Returns when the connection has accepted it for writing, which does not confirm its
     * delivery. A reply to the message's own [Message.ref] is emitted by [messages].
     *
     * @param timeout limit for the wait for a connection and for space in the outbox, positive; null: the client's
     *   `requestTimeout`
     * @throws IllegalArgumentException if the ref begins with `~` or `=`, which are reserved for the client, or `$`,
     *   which is reserved for the server, or if [timeout] is not positive
     * @throws LiveException with [ErrorCode.Timeout] if the message was not sent in time; it is not sent later
     * @throws ClientClosedException if the client is closed
     */
    public suspend fun send(message: Message, timeout: Duration? = null) {
        Refs.requireUnreserved(message.ref)
        requestSender.send(message, checked(timeout))
    }

    /**
     * Checks the connection: sends a ping, and reconnects if nothing is received within 2 s. Without a connection,
     * ends the current wait and connects now, at most once per second. A wait that the server requested is not
     * shortened. Use it for a "try again" button.
     */
    public fun probe(): Unit = conditions.requestCheck()

    /**
     * Closes the connection and releases all coroutines and sockets. The close handshake takes one or two seconds at
     * most. Flows complete, including those collected later. Pending and later calls fail with
     * [ClientClosedException], or with [ConnectionLostException] if the message was sent and its reply has not
     * arrived. May be called more than once.
     */
    public suspend fun close() {
        withContext(NonCancellable) { beginClose().join() }
    }

    /** Starts to close. The returned job completes when all resources are released. */
    internal fun beginClose(): Job {
        running.cancel()
        return running
    }

    private suspend fun run() {
        scope.launch(workers + CoroutineName("live-device-conditions")) { conditions.watch() }
        var cause: DisconnectCause = DisconnectCause.ClosedByClient
        try {
            cause = loop.run()
        } catch (e: CancellationException) {
            throw e
        } catch (e: Exception) {
            scope.ensureActive()
            cause = DisconnectCause.ConnectionLost(e) // the application's reconnect policy may throw
        } catch (e: Error) {
            cause = DisconnectCause.ConnectionLost(Exception(e)) // rethrown, because application code threw it
            throw e
        } finally {
            end(cause)
        }
    }

    /** Fails everything that waits, and releases all resources. */
    private fun end(cause: DisconnectCause) {
        val reason = "the client is closed: $cause"
        router.close(if (cause == DisconnectCause.ClosedByClient) null else { -> ClientClosedException(reason) })
        outbox.close(ClientClosedException(reason))
        loop.closed(cause)
        transport.close()
        scope.cancel()
    }

    private fun checked(timeout: Duration?): Duration {
        require(timeout == null || timeout.isPositive()) { "timeout must be positive, was $timeout" }
        return timeout ?: settings.requestTimeout
    }
}
