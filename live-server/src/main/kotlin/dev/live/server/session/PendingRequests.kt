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
 * What one session's client was asked and has not answered: at most [MAX_PENDING] requests. Every function may be
 * called from any thread.
 */
internal class PendingRequests {
    private val waiting = ConcurrentHashMap<String, CompletableDeferred<Message>>()
    private val count = AtomicInteger()

    // begins anywhere, so that no other client can know a ref and have it answered by this one
    private val last = AtomicLong(random.nextLong() ushr UNUSED_BITS)

    @Volatile
    private var isOver = false

    /** Requests that wait for their answer. */
    val size: Int get() = count.get()

    /** Sends a request of [type] to [session] and returns its `reply`, or throws a [RequestFailedException]. */
    suspend fun ask(
        session: Session<*>,
        type: String,
        body: Body?,
        timeout: Duration,
        trace: String = "",
    ): Message {
        if (count.incrementAndGet() > MAX_PENDING) {
            count.decrementAndGet()
            throw RequestFailedException(
                ErrorCode.RateLimited,
                "$MAX_PENDING requests of this session wait for their replies; ask again when some have come",
            )
        }
        val ref = RefPrefix.SERVER + last.incrementAndGet().toString(RADIX)
        val answer = CompletableDeferred<Message>()
        waiting[ref] = answer
        try {
            if (isOver) throw lost(type) // looked at after it was put there: whichever is later sees the other
            return withTimeoutOrNull(timeout) {
                if (!session.send(Message(type, ref = ref, body = body, trace = trace))) throw lost(type)
                answer.await().orThrow(type)
            } ?: throw RequestFailedException(ErrorCode.Timeout, "no reply to '$type' within $timeout")
        } finally {
            waiting.remove(ref)
            count.decrementAndGet()
        }
    }

    /** Hands [message] to whoever waits for it. One that nobody waits for, or waits for no longer, is dropped. */
    fun answer(message: Message) {
        waiting[message.ref]?.complete(message)
    }

    /** The session has ended: nothing is answered any more. */
    fun end() {
        isOver = true
        for (answer in waiting.values) answer.complete(LOST)
    }

    private fun Message.orThrow(type: String): Message {
        if (this === LOST) throw lost(type)
        if (this.type == MessageType.REPLY) return this
        throw try {
            val error = decode<ErrorData>().toException()
            RequestFailedException(ErrorCode.of(clean(error.code.wire)), clean(error.reason), error.retryAfter)
        } catch (e: BadPayloadException) {
            RequestFailedException(ErrorCode.Internal, "the client sent an error that says nothing", cause = e)
        }
    }

    private fun lost(type: String) =
        RequestFailedException(
            ErrorCode.of("connection_lost"),
            "the session ended before '$type' was answered; whether it was carried out is not known",
        )

    companion object {
        /** Requests of one session that may wait for their replies. */
        const val MAX_PENDING = 256

        /** Longest text of a client that goes into an exception, in characters. */
        private const val MAX_TEXT = 256

        private const val UNUSED_BITS = 12
        private const val RADIX = 36
        private val random = SecureRandom()

        /** In place of an answer that will not come. */
        private val LOST = Message(MessageType.GOODBYE)

        /** What a client wrote, so that it can neither fill a log nor forge a line of it. */
        fun clean(text: String): String = text.wellFormed(MAX_TEXT).filterNot { it.isISOControl() }
    }
}

/** Runs [read] on a reply to [type]; what does not fit is the client's failure, and not that of whoever asked. */
internal inline fun <T> readingReply(type: String, read: () -> T): T =
    try {
        read()
    } catch (e: LiveException) {
        val reason = "the reply to '$type' does not fit: ${PendingRequests.clean(e.reason)}"
        throw RequestFailedException(ErrorCode.BadPayload, reason, cause = e)
    }
