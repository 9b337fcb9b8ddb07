package dev.live.server.transport

import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.frame.forEachFrame
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import io.ktor.utils.io.cancel
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import java.io.IOException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * The socket of a receive-only client: converts the session's frames into a stream of server-sent events. The only
 * message from the client is [subscribe], which is part of the request.
 *
 * Nothing is written before the reply to [subscribe], so that a rejection can become the status of the HTTP response;
 * [start] reports which of the two happens.
 *
 * @param since the client's last position in the topic's history
 * @param retryAfter the client's reconnect delay after a stream that ended with a close code, or null for a lost
 *   connection
 * @param forceClose closes the connection during a response that its client does not read
 */
internal class EventSocket(
    private val subscribe: Message,
    private val codec: Codec,
    private val since: Position?,
    private val retryAfter: (CloseCode?) -> Duration,
    private val forceClose: () -> Unit,
) : Socket {
    private val decided = CompletableDeferred<StreamStart>()
    private val writer = CompletableDeferred<EventWriter>()

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
    private var epoch: String? = null

    /** The client's history position after the reply to [subscribe]; written with that reply. */
    private var position: Position? = null
    private var wasPinged = false

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
        writer.complete(EventWriter(channel, subscribe.topic, codec))
    }

    override suspend fun receive(): Inbound? =
        when (readCount++) {
            0 -> Inbound.Data(codec.encode(subscribe), isText = true)
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
            val writer = writer.await()
            writer.flush()
            if (output?.isClosedForWrite == true) throw IOException("connection closed")
        }
        // a client that accepts the bytes is alive: it cannot send a pong itself
        if (wasPinged) inbound.trySend(Inbound.Pong)
        wasPinged = false
    }

    private suspend fun hold(frame: OutboundFrame) {
        held += frame
        heldBytes += frame.size
        frame.forEachFrame { opcode, start, end ->
            if (!decided.isCompleted) decide(opcode, frame.wire, start, end)
        }
        if (heldBytes > MAX_HELD_BYTES) startStream()
        if (!decided.isCompleted) return
        val heldFrames = held.toList()
        held.clear()
        if (isStarted) channelIo { writer.await().retry(retryAfter(null)) }
        for (heldFrame in heldFrames) writeFrame(heldFrame)
    }

    private fun decide(opcode: Int, bytes: ByteArray, start: Int, end: Int) {
        if (opcode != Opcode.Text.wire) {
            startStream()
            return
        }
        val message = codec.decodeOrNull(bytes.copyOfRange(start, end)) ?: return
        if (message.type == MessageType.ACK && message.ref == subscribe.ref) {
            message.dataOrNull<SubscribedData>()?.let(::subscribed)
            startStream()
        } else if (message.type == MessageType.ERROR && (message.ref == subscribe.ref || message.ref.isEmpty())) {
            decided.complete(StreamStart.Rejected(message.dataOrNull() ?: DEFAULT_REJECTION))
            inbound.trySend(Inbound.Close(CloseCode.Normal.wire))
        }
    }

    private fun startStream() {
        isStarted = decided.complete(StreamStart.Started)
    }

    private fun subscribed(data: SubscribedData) {
        epoch = data.epoch
        // the missed messages were not sent yet: after a lost connection the client resumes from the same position
        position = since?.takeIf { data.recovered } ?: Position(data.epoch, data.offset)
    }

    private suspend fun writeFrame(frame: OutboundFrame) {
        if (!isStarted) return
        channelIo {
            val writer = writer.await()
            frame.forEachFrame { opcode, start, end ->
                when (opcode) {
                    Opcode.Text.wire -> writer.writeEvent(frame.wire, start, end)
                    Opcode.Ping.wire -> {
                        writer.comment()
                        wasPinged = true
                    }
                }
            }
        }
    }

    private suspend fun EventWriter.writeEvent(bytes: ByteArray, start: Int, end: Int) {
        val first = position?.takeIf { codec.decodeOrNull(bytes.copyOfRange(start, end))?.ref == subscribe.ref }
        if (first == null) {
            message(bytes, start, end)
        } else {
            message(bytes, start, end, first)
            position = null
            epoch = this@EventSocket.epoch
        }
    }

    /**
     * Returns when the engine has written all of the stream. Ignores [closeReceived], because a client of server-sent
     * events sends no close frame.
     */
    override suspend fun close(code: Int, reason: String, closeReceived: Boolean) {
        if (decided.complete(StreamStart.Ended(CloseCode.of(code), reason)) || !isStarted) return
        channelIo {
            val writer = writer.await()
            if (writer.isInsideEvent) return
            writer.close(code, reason, retryAfter(CloseCode.of(code)))
            writer.end()
            val source = output as? ByteReadChannel ?: return
            while (!source.isClosedForRead) delay(POLL_INTERVAL) // polls, because there is no notification
        }
        isFlushed = true
    }

    override fun abort() {
        val cause = IOException("the session has ended")
        decided.complete(StreamStart.Ended(CloseCode.Abnormal, ""))
        writer.completeExceptionally(cause)
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

        val DEFAULT_REJECTION = ErrorData(ErrorCode.Forbidden.wire, "this session may not use the topic")

        /** An interceptor may have replaced the reply with any payload. */
        inline fun <reified T> Message.dataOrNull(): T? =
            try {
                if (body == null) null else decode<T>()
            } catch (_: BadPayloadException) {
                null
            }
    }
}

/** The outcome of a request for an event stream. */
internal sealed interface StreamStart {
    /** The stream has started. */
    object Started : StreamStart

    /** The subscribe request was rejected with [error]. */
    class Rejected(val error: ErrorData) : StreamStart

    /** The session ended before the reply. */
    class Ended(val code: CloseCode, val reason: String) : StreamStart
}
