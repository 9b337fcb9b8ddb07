package dev.live.server.session

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.RefPrefix
import dev.live.protocol.decode
import dev.live.server.frame.wellFormed
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.withTimeoutOrNull
import java.security.SecureRandom
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import kotlin.time.Duration

/**
 * Requests sent to one session's client that wait for a reply, at most [MAX_PENDING]. Every function may be called from
 * any thread.
 */
internal class PendingRequests {
    private val waiting = ConcurrentHashMap<String, CompletableDeferred<Message>>()
    private val count = AtomicInteger()

    // starts at a random number, so that another client cannot guess a ref and reply to it
    private val last = AtomicLong(random.nextLong() ushr UNUSED_BITS)

    @Volatile
    private var isClosed = false

    /** Number of requests that wait for a reply. */
    val size: Int get() = count.get()

    /**
     * Sends a request of [type] and returns its `reply`, or throws a [RequestFailedException].
     *
     * @param send sends a message to the client; returns false if the session has ended
     */
    suspend fun request(
        send: suspend (Message) -> Boolean,
        type: String,
        body: Body?,
        timeout: Duration,
        trace: String = "",
    ): Message {
        if (count.incrementAndGet() > MAX_PENDING) {
            count.decrementAndGet()
            throw RequestFailedException(
                ErrorCode.RateLimited,
                "at most $MAX_PENDING requests of a session may wait for a reply; retry when some have completed",
            )
        }
        val ref = RefPrefix.SERVER + last.incrementAndGet().toString(RADIX)
        val reply = CompletableDeferred<Message>()
        waiting[ref] = reply
        try {
            // read after the insertion: either this check sees the close, or [close] sees the request
            if (isClosed) throw connectionLost(type)
            return withTimeoutOrNull(timeout) {
                if (!send(Message(type, ref = ref, body = body, trace = trace))) throw connectionLost(type)
                reply.await().orThrow(type)
            } ?: throw RequestFailedException(ErrorCode.Timeout, "no reply to '$type' within $timeout")
        } finally {
            waiting.remove(ref)
            count.decrementAndGet()
        }
    }

    /** Completes the request that waits for [message]. A reply without a waiting request is dropped. */
    fun handleReply(message: Message) {
        waiting[message.ref]?.complete(message)
    }

    /** Fails all requests, because the session has ended. */
    fun close() {
        isClosed = true
        for (reply in waiting.values) reply.complete(CONNECTION_LOST)
    }

    private fun Message.orThrow(type: String): Message {
        if (this === CONNECTION_LOST) throw connectionLost(type)
        if (this.type == MessageType.REPLY) return this
        throw try {
            val error = decode<ErrorData>().toException()
            RequestFailedException(ErrorCode.of(sanitize(error.code.wire)), sanitize(error.reason), error.retryAfter)
        } catch (e: BadPayloadException) {
            RequestFailedException(ErrorCode.Internal, "the client sent a malformed error", cause = e)
        }
    }

    private fun connectionLost(type: String) =
        RequestFailedException(
            ErrorCode.of("connection_lost"),
            "the session ended before the reply to '$type'; the client may have processed the request",
        )

    companion object {
        /** Maximum number of requests of one session that wait for a reply. */
        const val MAX_PENDING = 256

        /** Maximum length of client text in an exception, in characters. */
        private const val MAX_TEXT_LENGTH = 256

        private const val UNUSED_BITS = 12
        private const val RADIX = 36
        private val random = SecureRandom()

        /** Completes a request that can no longer receive a reply. */
        private val CONNECTION_LOST = Message(MessageType.GOODBYE)

        /** Makes client text safe for logs: bounded, without control characters, so that it cannot forge log lines. */
        fun sanitize(text: String): String = text.wellFormed(MAX_TEXT_LENGTH).filterNot { it.isISOControl() }
    }
}

/**
 * Decodes a reply to [type] with [read]; a malformed reply is reported as a failure of the client, not of the caller.
 */
internal inline fun <T> decodeReply(type: String, read: () -> T): T =
    try {
        read()
    } catch (e: LiveException) {
        val reason = "malformed reply to '$type': ${PendingRequests.sanitize(e.reason)}"
        throw RequestFailedException(ErrorCode.BadPayload, reason, cause = e)
    }
