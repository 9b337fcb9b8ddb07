package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.dialect.EventText
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import io.ktor.utils.io.cancel
import io.ktor.utils.io.writeFully
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import java.io.IOException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * The socket of a receive-only client: writes the session's frames, which are server-sent events, to the response. The
 * only message from the client is [subscribe], which is part of the request.
 *
 * Nothing is written before the reply to [subscribe], so that a rejection can become the status of the HTTP response;
 * [start] reports which of the two happens.
 *
 * @param subscribe an encoded message
 * @param retryAfter the client's reconnect delay after a stream that ended with a close code, or null for a lost
 *   connection
 * @param forceClose closes the connection during a response that its client does not read
 */
internal class EventSocket(
    private val subscribe: ByteArray,
    private val retryAfter: (CloseCode?) -> Duration,
    private val forceClose: () -> Unit,
) : Socket {
    private val decided = CompletableDeferred<StreamStart>()
    private val body = CompletableDeferred<ByteWriteChannel>()

    /**
     * Inbound events of the session after [subscribe]. Only the latest counts: after a rejection there are no others.
     */
    private val inbound = Channel<Inbound>(1, BufferOverflow.DROP_OLDEST)

    /**
     * Frames written before [decided] was completed, and their bytes. Only accessed by the writer, like the next
     * fields.
     */
    private val held = ArrayList<OutboundFrame>()
    private var heldBytes = 0
    private var wasPinged = false

    /** Whether a write was cancelled inside an event: later output would become part of that event. */
    private var isInsideEvent = false

    /** Number of simulated inbound messages that were read. Only accessed by the reader. */
    private var readCount = 0

    @Volatile
    private var isStarted = false

    @Volatile
    private var output: ByteWriteChannel? = null

    @Volatile
    private var isFlushed = false

    override val transport: String get() = "sse"

    /** Whether the response is a stream. */
    val start: Deferred<StreamStart> get() = decided

    /** Sets [channel] as the body of the response, which has started. */
    fun attach(channel: ByteWriteChannel) {
        output = channel
        body.complete(channel)
    }

    override suspend fun receive(): Inbound? =
        when (readCount++) {
            0 -> Inbound.Data(subscribe, isText = true)
            // the pong follows the reply to [subscribe], which an interceptor may have dropped
            1 -> Inbound.Ping(ByteArray(0))
            else -> inbound.receiveCatching().getOrNull()
        }

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int) {
        for (i in 0 until count) {
            val frame = frames[i]!!
            frames[i] = null // lets the bytes be collected while the client is slow
            if (decided.isCompleted) writeFrame(frame) else hold(frame)
        }
        if (!isStarted) return
        channelIo {
            val channel = body.await()
            channel.flush()
            if (channel.isClosedForWrite) throw IOException("connection closed")
        }
        // a client that accepts the bytes is alive: it cannot send a pong itself
        if (wasPinged) inbound.trySend(Inbound.Pong)
        wasPinged = false
    }

    private suspend fun hold(frame: OutboundFrame) {
        held += frame
        heldBytes += frame.size
        decide(frame)
        if (heldBytes > MAX_HELD_BYTES) startStream()
        if (!decided.isCompleted) return
        val heldFrames = held.toList()
        held.clear()
        if (isStarted) writeBytes(EventText.retry(retryAfter(null)))
        for (heldFrame in heldFrames) writeFrame(heldFrame)
    }

    private fun decide(frame: OutboundFrame) {
        val reply = frame.subscribeReply
        if (reply?.type == MessageType.ERROR) {
            decided.complete(StreamStart.Rejected(reply))
            inbound.trySend(Inbound.Close(CloseCode.Normal.wire))
        } else if (reply != null || frame.opcode != Opcode.Text) {
            startStream()
        }
    }

    private fun startStream() {
        if (decided.complete(StreamStart.Started)) isStarted = true
    }

    private suspend fun writeFrame(frame: OutboundFrame) {
        if (!isStarted) return
        writeBytes(frame.wire)
        if (frame.opcode == Opcode.Ping) wasPinged = true
    }

    private suspend fun writeBytes(bytes: ByteArray) =
        channelIo {
            val channel = body.await()
            isInsideEvent = true
            channel.writeFully(bytes)
            isInsideEvent = false
        }

    /**
     * Returns when the engine has written all of the stream. Ignores [closeReceived], because a client of server-sent
     * events sends no close frame.
     */
    override suspend fun close(code: Int, reason: String, closeReceived: Boolean) {
        if (decided.complete(StreamStart.Ended(CloseCode.of(code), reason)) || !isStarted) return
        if (isInsideEvent) return
        writeBytes(EventText.close(code, reason, retryAfter(CloseCode.of(code))))
        channelIo {
            val channel = body.await()
            channel.flushAndClose()
            val source = channel as? ByteReadChannel ?: return
            while (!source.isClosedForRead) delay(POLL_INTERVAL) // polls, because there is no notification
        }
        isFlushed = true
    }

    override fun abort() {
        val cause = IOException("the session has ended")
        decided.complete(StreamStart.Ended(CloseCode.Abnormal, ""))
        body.completeExceptionally(cause)
        inbound.close()
        val channel = output
        if (channel == null || isFlushed) return
        channel.cancel(cause)
        forceClose()
    }

    private companion object {
        /** Bound of the frames held before the decision: far more than handlers send at the start of a session. */
        const val MAX_HELD_BYTES = 64 * 1024

        val POLL_INTERVAL = 20.milliseconds
    }
}

/** The outcome of a request for an event stream. */
internal sealed interface StreamStart {
    /** The stream has started. */
    object Started : StreamStart

    /** The subscribe request was rejected with [reply], an `error` message. */
    class Rejected(val reply: Message) : StreamStart

    /** The session ended before the reply. */
    class Ended(val code: CloseCode, val reason: String) : StreamStart
}
