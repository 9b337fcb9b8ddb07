package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.dialect.Dialect
import dev.live.server.dialect.ServerEvent
import dev.live.server.transport.isCloseCode
import io.ktor.util.Attributes
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.serialization.KSerializer
import kotlinx.serialization.serializer
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant

/**
 * The server side of one connected client, and the coroutine scope of its connection.
 *
 * Coroutines launched in this scope end with the session. The first failure of one of them ends the session (1011).
 * Every function may be called from any thread.
 *
 * @param Meta type of the value that the endpoint's `authenticate` returns
 * @property id 128 random bits, 32 hexadecimal digits; never reused
 * @property user the user id that the endpoint's `user` returned; null if it returned none or is not declared
 * @property remoteAddress the client's address as reported by Ktor. Behind a proxy, install `XForwardedHeaders`;
 *   otherwise this is the address of the proxy
 * @property connectedSince when the session began
 * @property transport how the connection is carried: `netty` (the engine's channel), `portable` (the engine's byte
 *   channels) or `sse` (a stream of server-sent events)
 */
public class Session<Meta : Any> internal constructor(
    public val id: String,
    meta: Meta,
    public val user: String?,
    public val remoteAddress: String,
    public val connectedSince: Instant,
    public val transport: String,
    private val runtime: SessionRuntime,
    override val coroutineContext: CoroutineContext,
    endpointTopics: EndpointTopics<Meta>? = null,
) : CoroutineScope {
    internal val state: SessionState = SessionState(coroutineContext, runtime)

    internal val subscriptions: SessionSubscriptions<Meta> = SessionSubscriptions(this, runtime, endpointTopics)

    /** The value that `authenticate` returned; replaced when the client renews its token. */
    @Volatile
    public var meta: Meta = meta
        private set

    /** Requests sent to this client; null until the first one, because most sessions send none. */
    @Volatile
    internal var requests: PendingRequests? = null
        private set

    /** Null until the first use, because most sessions have no attributes. */
    @Volatile
    private var attributesOrNull: Attributes? = null

    /** The negotiated codec. */
    public val codec: Codec get() = runtime.dialect.codec

    /**
     * Values that the application stores for the lifetime of this session, such as the state of a plugin. Created on
     * first use.
     */
    public val attributes: Attributes
        get() {
            attributesOrNull?.let { return it }
            // does nothing if another thread was first
            ATTRIBUTES.compareAndSet(this, null, Attributes(concurrent = true))
            return attributesOrNull ?: error("unreachable: attributes are never reset")
        }

    internal val dialect: Dialect get() = runtime.dialect

    /** The topics that this session is subscribed to now. */
    public val topics: Set<String> get() = subscriptions.names

    /** False once the session has started to end. */
    public val isOpen: Boolean get() = state.endReason == null

    /**
     * Puts [message] into the session's queue without suspending.
     *
     * @return false if the queue is full or the session has ended; the message is then not sent
     */
    public fun trySend(message: Message): Boolean =
        state.queue.offer(runtime.encode(ServerEvent.Sent(message))) == OfferResult.Accepted

    /**
     * Puts [message] into the session's queue. Suspends while the queue is full, until the client has read some of it
     * or the write timeout closes the session.
     *
     * @return false if the session ended first; the message is then not sent
     */
    public suspend fun send(message: Message): Boolean = state.queue.send(runtime.encode(ServerEvent.Sent(message)))

    /**
     * Ends the session after its queued messages have been written. Returns at once; only the first reason counts.
     *
     * @param reason a short human-readable sentence, sent to the client and truncated to 123 bytes of UTF-8
     * @throws IllegalArgumentException if [code] must not be sent in a close frame (RFC 6455, section 7.4)
     */
    public fun close(code: CloseCode = CloseCode.Normal, reason: String = "") {
        require(isCloseCode(code.wire)) { "a close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, was $code" }
        state.end(CloseReason(code, reason, byClient = false), flush = true)
    }

    /**
     * Closes the session with 4403, after which the client does not reconnect. Queued messages are still written.
     *
     * @param reason a short human-readable sentence, sent to the client and truncated to 123 bytes of UTF-8
     */
    public fun kick(reason: String): Unit = close(CloseCode.Kicked, reason)

    /**
     * Sends a request of [type] with the payload [query] to the client and returns its reply. A live client handles it
     * with `onRequest`.
     *
     * Do not call this from a handler of this session: the reply is read only after the handler returns. Call it in
     * `session.launch { }` instead.
     *
     * @param timeout time limit for the whole request, including the wait for space in the session's queue; positive
     * @throws RequestFailedException with the client's code if the client rejected the request. Also if no reply
     *   arrived within [timeout], the reply does not match [Res], the session ended first, or 256 requests of this
     *   session already wait for a reply
     * @throws IllegalStateException if called from a handler of this session
     * @throws IllegalArgumentException if [type] is reserved by the protocol, empty or over 64 bytes of UTF-8, or
     *   [timeout] is not positive
     */
    public suspend inline fun <reified Req, reified Res> request(
        type: String,
        query: Req,
        timeout: Duration = 10.seconds,
    ): Res = request(type, query, serializer<Req>(), serializer<Res>(), timeout)

    /** Sends a request to the client; see the other `request`. */
    public suspend fun <Req, Res> request(
        type: String,
        query: Req,
        requestSerializer: KSerializer<Req>,
        responseSerializer: KSerializer<Res>,
        timeout: Duration = 10.seconds,
    ): Res {
        val reply = requestMessage(type, Body.of(requestSerializer, query), timeout)
        return decodeReply(type) { reply.decode(responseSerializer) }
    }

    /** Sends a request with an encoded [body] and returns the reply message; otherwise like `request`. */
    public suspend fun requestMessage(
        type: String,
        body: Body? = null,
        timeout: Duration = 10.seconds,
    ): Message {
        require(type !in MessageType.All) { "request type '$type' is reserved by the protocol. Choose another type." }
        require(timeout.isPositive()) { "timeout must be positive, was $timeout" }
        check(state.timeoutScope?.contains(currentCoroutineContext()[Job]) != true) {
            "a handler of this session must not wait for the reply to '$type': replies are read after it returns. " +
                "Call request in session.launch { ... } instead."
        }
        REQUESTS.compareAndSet(this, null, requests ?: PendingRequests()) // does nothing if another thread was first
        val pending = requests ?: error("unreachable: requests is never reset")
        if (!isOpen) pending.close() // the session may have ended before [requests] was set
        return pending.request(::send, type, body, timeout, runtime.topics.trace())
    }

    /** Handles the client's reply to a request of the server. */
    internal fun handleReply(message: Message) {
        requests?.handleReply(message)
    }

    /**
     * Subscribes the client to [topic], like its own `subscribe`, but without the topic's `authorize`. The client is
     * notified by a `subscribe` message, receives the messages published from then on, and may unsubscribe as usual.
     * The topic's `presence` and `onSubscribe` blocks run before this returns, for at most one handler timeout each.
     *
     * @return false if the session is already subscribed, or has ended
     * @throws LiveException with `unknown_topic` if the session's endpoint declares no such topic, `too_many_topics` if
     *   the session has reached its topic limit, or `timeout` if the change takes longer than a handler timeout. Also
     *   with the error of the `presence` block
     */
    public suspend fun subscribe(topic: String): Boolean = subscriptions.subscribeFromServer(topic)

    /**
     * Unsubscribes the client from [topic]. The client is notified by an `unsubscribe` message, the last one it
     * receives for this topic. The topic's `onUnsubscribe` runs before this returns.
     *
     * @return false if the session was not subscribed
     * @throws LiveException with `timeout` if the change takes longer than a handler timeout
     */
    public suspend fun unsubscribe(topic: String): Boolean = subscriptions.unsubscribeFromServer(topic)

    /** Unsubscribes the client from all its current topics; see [unsubscribe]. */
    public suspend fun unsubscribeAll() {
        for (topic in topics) unsubscribe(topic)
    }

    internal fun renew(meta: Meta) {
        this.meta = meta
    }

    override fun toString(): String = "Session($id)"

    private companion object {
        // updaters, to avoid objects per session
        private val REQUESTS =
            AtomicReferenceFieldUpdater.newUpdater(Session::class.java, PendingRequests::class.java, "requests")
        private val ATTRIBUTES =
            AtomicReferenceFieldUpdater.newUpdater(Session::class.java, Attributes::class.java, "attributesOrNull")
    }
}
