package dev.live.client

import dev.live.client.connection.Bearer
import dev.live.client.connection.ConnectionLoop
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.Renewal
import dev.live.client.connection.DeviceConditions
import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.MessageConverter
import dev.live.client.topic.Outbox
import dev.live.client.topic.PendingReplies
import dev.live.client.topic.RawConverter
import dev.live.client.topic.Refs
import dev.live.client.topic.RequestHandlers
import dev.live.client.topic.RequestScope
import dev.live.client.topic.RequestSender
import dev.live.client.topic.Router
import dev.live.client.topic.SerializerConverter
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
 * One connection to a server that outlives its sockets: topics as flows, `publish` and `request` as suspending calls.
 *
 * Thread-safe. When the connection breaks, the client connects again by itself and restores every subscription; flows
 * go on, what was published meanwhile is missed unless the topic keeps a history, and requests without an answer fail
 * with [ConnectionLostException] rather than be sent twice. [state] tells how it stands. Everything runs in a scope of the
 * client's own, which [close] ends.
 */
public class LiveClient internal constructor(private val settings: ClientSettings) {
    private val workers: CoroutineDispatcher =
        settings.context[ContinuationInterceptor] as? CoroutineDispatcher ?: Dispatchers.Default

    // All state of the client is touched on this dispatcher only, which runs one thing at a time: there are no locks.
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
    private val router =
        Router(scope, dispatcher, refs, outbox, pending, settings.requestTimeout, settings.linger, requests)
    private val exchange =
        RequestSender(scope, dispatcher, workers, refs, outbox, pending, router::suspect) {
            settings.trace?.invoke().orEmpty()
        }
    private val bearer = Bearer(workers, settings.bearer, settings.bearerTimeout)
    private val renewal = Renewal(bearer, exchange, settings.requestTimeout)
    private val transport = settings.transport()
    private val surroundings = DeviceConditions(settings.surroundings)
    private val loop =
        ConnectionLoop(settings.ofConnections(), transport, bearer, renewal, outbox, router, surroundings)

    // atomic: closed before its first step, it still has to take its last
    @OptIn(DelicateCoroutinesApi::class)
    private val running = scope.launch(CoroutineName("live-connection"), CoroutineStart.ATOMIC) { run() }

    /** How the client stands with its server, now and from now on. */
    public val state: StateFlow<ConnectionState> get() = loop.state

    /**
     * Messages that answer nothing and are of no topic that is collected: an endpoint's own types. Each collector has a
     * buffer of 64, and what it misses is dropped, the oldest first; nothing is kept for later collectors.
     */
    public val messages: Flow<Message> = router.unrouted(CollectorOverflow.DropOldest)

    /**
     * The topic called [name], with payloads of the type that [serializer] reads and writes. Cheap, and says nothing to
     * the server: that is for its [ClientTopic.messages] and [ClientTopic.publish].
     *
     * @param overflow what happens to a collector that is 64 messages behind
     * @param onBadPayload called by a collector with what it cannot read; the message is skipped if it returns, and the
     *   flow fails if it throws, which is the default
     * @throws IllegalArgumentException if [name] is empty, over 256 bytes or has control characters
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
     * [ClientTopic.publish] sends only the body of a message, and requires a body and the type `message` or `publish`. Use
     * [send] for messages of other types.
     *
     * @param overflow behavior when a collector's buffer of 64 updates is full
     * @throws IllegalArgumentException if [name] is empty, longer than 256 bytes or contains control characters
     */
    public fun rawTopic(name: String, overflow: CollectorOverflow = CollectorOverflow.Recover): ClientTopic<Message> =
        topic(name, RawConverter, overflow)

    internal fun <T> topic(
        name: String,
        converter: MessageConverter<T>,
        overflow: CollectorOverflow = CollectorOverflow.Recover,
        onBadPayload: (BadPayloadException) -> Unit = { throw it },
    ): ClientTopic<T> = ClientTopic(name, converter, overflow, onBadPayload, router, exchange, settings.requestTimeout)

    /**
     * Sends a request of [type] with [query] as its payload and returns what the server replies.
     *
     * @param timeout for all of it, the wait for a connection included; null: the client's `requestTimeout`
     * @param key stands for one operation, such as an order's number, in at most 63 bytes: where the server declares
     *   [type] idempotent, what is asked again with its key, after a [ConnectionLostException], gets the first one's
     *   reply
     * @throws LiveException with the server's code if it refused, [ErrorCode.Timeout] if there was no reply in time,
     *   [ErrorCode.BadPayload] if the reply is no [R]
     * @throws ConnectionLostException if the connection broke before the reply; it may have been carried out
     * @throws ClientClosedException if the client is closed
     * @throws IllegalStateException if another request with [key] waits for its reply
     */
    public suspend inline fun <reified Q, reified R> request(
        type: String,
        query: Q,
        timeout: Duration? = null,
        key: String? = null,
    ): R = requestMessage(type, body = Body.of(query), timeout = timeout, key = key).decode()

    /**
     * Sends a request of [type] with [body], to [topic] if it is not empty, and returns the server's reply as it is.
     * Throws as [request]. Has a name of its own so that a query that is text is never taken for a topic.
     */
    public suspend fun requestMessage(
        type: String,
        topic: String = "",
        body: Body? = null,
        timeout: Duration? = null,
        key: String? = null,
    ): Message {
        val limit = checked(timeout)
        if (key != null) return exchange.askOnce(key, type, topic, body, limit)
        return exchange.ask(type, topic, body, limit)
    }

    /**
     * Answers requests of [type] that the server sends with what [handler] returns, until the result is closed.
     * Handlers run on the client's `context`, several at a time, 64 at most; one is cancelled when its connection ends.
     *
     * What [handler] rejects, or throws as a [LiveException], reaches the server with its code. Anything else is
     * answered with `internal`, and goes to the `CoroutineExceptionHandler` of the client's `context`, or to the
     * thread's.
     *
     * @param timeout how long [handler] may take before it is cancelled; null: the client's `requestTimeout`
     * @throws IllegalArgumentException if [type] is one of the protocol's own, or has a handler already
     */
    public inline fun <reified Q, reified R> onRequest(
        type: String,
        timeout: Duration? = null,
        noinline handler: suspend RequestScope.(Q) -> R,
    ): AutoCloseable = onRequestMessage(type, timeout) { Body.of(handler(it.decode())) }

    /** Answers requests of [type] with the payload that [handler] returns, or none; otherwise as [onRequest]. */
    public fun onRequestMessage(
        type: String,
        timeout: Duration? = null,
        handler: suspend RequestScope.(Message) -> Body?,
    ): AutoCloseable = requests.add(type, checked(timeout), handler)

    /**
     * Sends [message] as it is. Returns when it has been handed to the connection, which is no proof that it arrived.
     * An answer to a [Message.ref] of the caller's own comes through [messages].
     *
     * @param timeout for the wait for a connection and for room among the messages that may wait
     * @throws IllegalArgumentException if the ref begins with `~` or `=`, as the client's own do, or `$`, as the
     *   server's
     * @throws LiveException with [ErrorCode.Timeout] if it was not sent in time; it will not be sent later
     * @throws ClientClosedException if the client is closed
     */
    public suspend fun send(message: Message, timeout: Duration? = null) {
        Refs.requireFree(message.ref)
        exchange.send(message, checked(timeout))
    }

    /**
     * Looks whether the connection still stands, because something suggests that it may not: if nothing is heard within
     * 2 s of a ping, it is opened anew. Where there is none, tries to connect now rather than at the end of a wait, at most
     * once a second and not before the end of a wait that the server asked for. For a button that says "try again".
     */
    public fun probe(): Unit = surroundings.hint()

    /**
     * Says goodbye to the server, which takes a second or two at most, and leaves nothing behind: no coroutine, no
     * socket. Flows complete, also those that are collected only then. Calls that wait, and later ones, fail with
     * [ClientClosedException], or with [ConnectionLostException] where the message was sent and its answer has not come.
     * Closing twice is harmless.
     */
    public suspend fun close() {
        withContext(NonCancellable) { beginClose().join() }
    }

    /** Starts to close; the job that is returned completes when nothing is left. */
    internal fun beginClose(): Job {
        running.cancel()
        return running
    }

    private suspend fun run() {
        scope.launch(workers + CoroutineName("live-surroundings")) { surroundings.watch() }
        var cause: DisconnectCause = DisconnectCause.ClosedByClient
        try {
            cause = loop.run()
        } catch (e: CancellationException) {
            throw e
        } catch (e: Exception) {
            scope.ensureActive()
            cause = DisconnectCause.ConnectionLost(e) // the reconnect policy is the application's and may throw
        } catch (e: Error) {
            cause = DisconnectCause.ConnectionLost(Exception(e)) // of the application's code, and its to hear of
            throw e
        } finally {
            end(cause)
        }
    }

    /** Whoever ended it, nothing is left waiting. */
    private fun end(cause: DisconnectCause) {
        val reason = "the client is closed: $cause"
        router.end(if (cause == DisconnectCause.ClosedByClient) null else { -> ClientClosedException(reason) })
        outbox.end(ClientClosedException(reason))
        loop.closed(cause)
        transport.close()
        scope.cancel()
    }

    private fun checked(timeout: Duration?): Duration {
        require(timeout == null || timeout.isPositive()) { "timeout must be positive, was $timeout" }
        return timeout ?: settings.requestTimeout
    }
}
