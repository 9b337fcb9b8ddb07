package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.isCloseCode
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
 * What is launched in it ends with it, and the first failure of anything launched in it ends all of it (1011). Every
 * function may be called from any thread.
 *
 * @param Meta what the endpoint's `authenticate` made of the client
 * @property id 128 random bits, 32 hexadecimal digits; never reused
 * @property user what the endpoint's `user` calls the client, or null where it does not say
 * @property remoteAddress where the connection comes from, as Ktor sees it (behind a proxy: install `XForwardedHeaders`)
 * @property connectedSince when the session began
 * @property transport what carries the connection: `netty` (the engine's channel), `portable` (the engine's byte channels)
 *   or `sse` (a stream of server-sent events)
 */
public class Session<out Meta : Any> internal constructor(
    public val id: String,
    meta: Meta,
    public val user: String?,
    public val remoteAddress: String,
    public val connectedSince: Instant,
    public val transport: String,
    private val runtime: SessionRuntime,
    override val coroutineContext: CoroutineContext,
) : CoroutineScope {
    internal val state = SessionState(this, runtime)

    @Volatile
    private var currentMeta: Any = meta

    /** What its client was asked, once it was: most never are. */
    @Volatile
    internal var requests: PendingRequests? = null
        private set

    /** What `authenticate` made of the client; replaced when the client renews its token. */
    @Suppress("UNCHECKED_CAST") // written only with what the same endpoint's authenticate returned
    public val meta: Meta get() = currentMeta as Meta

    /** The codec that was negotiated. */
    public val codec: Codec get() = runtime.codec

    /** The topics this session has joined, as of now. */
    public val topics: Set<String> get() = state.memberships.names

    /** False once the session has begun to end. */
    public val isOpen: Boolean get() = state.endReason == null

    /**
     * Puts [message] into the session's queue without suspending.
     *
     * @return false if the queue is full or the session has ended: the message was not taken
     */
    public fun trySend(message: Message): Boolean = state.queue.offer(prepare(message)) == Offer.Taken

    /**
     * Puts [message] into the session's queue; suspends while that is full, which lasts at most until the client reads
     * on or the write timeout ends the session.
     *
     * @return false if the session ended first: the message was not taken
     */
    public suspend fun send(message: Message): Boolean = state.queue.send(prepare(message))

    /**
     * Ends the session, after what waits in its queue has been written. Returns at once; the first reason counts.
     *
     * @param reason one short sentence for a person, which the client gets; at most 123 bytes of UTF-8 arrive
     * @throws IllegalArgumentException if [code] is not one that may be written on the wire (RFC 6455, section 7.4)
     */
    public fun close(code: CloseCode = CloseCode.Normal, reason: String = "") {
        require(isCloseCode(code.wire)) { "a close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, was $code" }
        state.end(CloseReason(code, reason, byClient = false), flush = true)
    }

    /** Throws the client out (4403): it does not reconnect. What waits in the queue is still written. */
    public fun kick(reason: String): Unit = close(CloseCode.Kicked, reason)

    /**
     * Asks the client: sends a request of [type] with [query] as its payload, and returns what it replies. A client of
     * live answers with `onRequest`.
     *
     * Not from a handler of this session: the reply is read when that has returned. Ask in `session.launch { }` there.
     *
     * @param timeout for all of it, the wait for room in the session's queue included; positive
     * @throws RequestFailedException with the client's code if it refused, or if it did not answer in time, with a
     *   [Res], or before its session ended; at most 256 requests of a session wait at the same time
     * @throws IllegalStateException if called from a handler of this session
     * @throws IllegalArgumentException if [type] is one of the protocol's own
     */
    public suspend inline fun <reified Req, reified Res> request(
        type: String,
        query: Req,
        timeout: Duration = 10.seconds,
    ): Res = request(type, query, serializer<Req>(), serializer<Res>(), timeout)

    /** Asks the client; see the other `request`. */
    public suspend fun <Req, Res> request(
        type: String,
        query: Req,
        requestSerializer: KSerializer<Req>,
        responseSerializer: KSerializer<Res>,
        timeout: Duration = 10.seconds,
    ): Res {
        val reply = requestMessage(type, Body.of(requestSerializer, query), timeout)
        return readingReply(type) { reply.decode(responseSerializer) }
    }

    /** Asks the client with [body] as it is, and returns its reply as it is; otherwise as `request`. */
    public suspend fun requestMessage(
        type: String,
        body: Body? = null,
        timeout: Duration = 10.seconds,
    ): Message {
        require(type !in MessageType.All) { "request type '$type' is one of the protocol's own; choose another" }
        require(timeout.isPositive()) { "timeout must be positive, was $timeout" }
        check(state.lane?.runs(currentCoroutineContext()[Job]) != true) {
            "a handler of this session waits for '$type' to be answered, and no answer is read until it returns. " +
                "Ask in session.launch { ... } instead."
        }
        REQUESTS.compareAndSet(this, null, requests ?: PendingRequests()) // unless somebody else is first
        val pending = requests ?: error("unreachable: it is never taken away")
        if (!isOpen) pending.end() // its end may have come before there was anything to end
        return pending.ask(this, type, body, timeout, runtime.topics.trace())
    }

    /** The client's answer to a request of the server's. */
    internal fun answered(message: Message) {
        requests?.answer(message)
    }

    /**
     * Joins [topic] for the client, as its own `subscribe` would, but for the topic's `authorize`. The client is told
     * by a `subscribe` message, and gets what is published from then on; it may leave the topic as any other. Where the
     * topic declares presence or `onSubscribe`, they run before this returns, for at most a handler's timeout each.
     *
     * @return false if the session has joined it already, or has ended
     * @throws LiveException with `unknown_topic` if the session's endpoint declares no such topic, `too_many_topics` if
     *   the session has joined as many as it may
     */
    public suspend fun join(topic: String): Boolean = state.joinFor(topic)

    /**
     * Leaves [topic] for the client, which is told by an `unsubscribe` message: the last that it gets of it. A topic's
     * `onUnsubscribe` runs before this returns.
     *
     * @return false if it was not joined
     */
    public suspend fun leave(topic: String): Boolean = state.leaveFor(topic)

    /** Leaves every topic that is joined now, as [leave] does each. */
    public suspend fun leaveAll() {
        for (topic in topics) leave(topic)
    }

    internal fun renew(meta: Any) {
        currentMeta = meta
    }

    internal fun prepare(message: Message): PreparedMessage {
        runtime.topics.counters.sent(messages = 1, message.body?.size ?: 0)
        return PreparedMessage(message, runtime.codecs)
    }

    override fun toString(): String = "Session($id)"

    private companion object {
        // no object of its own in every session for it
        private val REQUESTS =
            AtomicReferenceFieldUpdater.newUpdater(Session::class.java, PendingRequests::class.java, "requests")
    }
}
