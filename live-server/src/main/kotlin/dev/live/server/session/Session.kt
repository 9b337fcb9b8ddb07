package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.Message
import dev.live.server.topic.PreparedMessage
import kotlinx.coroutines.CoroutineScope
import kotlin.coroutines.CoroutineContext
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
 */
public class Session<out Meta : Any> internal constructor(
    public val id: String,
    meta: Meta,
    public val user: String?,
    public val remoteAddress: String,
    public val connectedSince: Instant,
    private val runtime: SessionRuntime,
    override val coroutineContext: CoroutineContext,
) : CoroutineScope {
    internal val state = SessionState(this, runtime)

    @Volatile
    private var currentMeta: Any = meta

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
        require(isSendable(code.wire)) { "a close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, was $code" }
        state.end(CloseReason(code, reason, byClient = false), flush = true)
    }

    /** Throws the client out (4403): it does not reconnect. What waits in the queue is still written. */
    public fun kick(reason: String): Unit = close(CloseCode.Kicked, reason)

    internal fun renew(meta: Any) {
        currentMeta = meta
    }

    internal fun prepare(message: Message): PreparedMessage {
        runtime.topics.tally.sent(messages = 1, message.body?.size ?: 0)
        return PreparedMessage(message, runtime.codecs)
    }

    override fun toString(): String = "Session($id)"
}

/** Whether [code] may stand in a close frame: RFC 6455, section 7.4, and what the IANA registry added since. */
internal fun isSendable(code: Int): Boolean = code in 1000..1003 || code in 1007..1014 || code in 3000..4999
