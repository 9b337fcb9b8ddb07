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
 * The socket of a client that only listens: what its session sends becomes a stream of server-sent events, and all that
 * the client ever says is [subscribe].
 *
 * Nothing is written before that is answered, so that a refusal can be the status of an HTTP response; [start] says which
 * of the two it is to be.
 *
 * @param since what the client has of the topic's history
 * @param retryAfter how long the client is to wait after a stream that ended with a code, or with none
 * @param cut ends the connection under a response that its client does not take
 */
internal class EventSocket(
    private val subscribe: Message,
    private val codec: Codec,
    private val since: Position?,
    private val retryAfter: (CloseCode?) -> Duration,
    private val cut: () -> Unit,
) : Socket {
    private val decided = CompletableDeferred<StreamStart>()
    private val writer = CompletableDeferred<EventWriter>()

    /** What the session hears besides [subscribe]. The last counts: a refusal is followed by nothing. */
    private val heard = Channel<Inbound>(1, BufferOverflow.DROP_OLDEST)

    /** What was said before it was decided, and its bytes. Only accessed by the writer, as what follows. */
    private val held = ArrayList<OutboundFrame>()
    private var heldBytes = 0
    private var epoch: String? = null

    /** Where in the history the client is once it has the answer to [subscribe]; written with that one. */
    private var place: Position? = null
    private var wasPinged = false

    /** How far the one message got that the client is said to have sent. Only accessed by the reader. */
    private var said = 0

    @Volatile
    private var isBegun = false

    @Volatile
    private var output: ByteWriteChannel? = null

    @Volatile
    private var isTaken = false

    override val transport: String get() = "sse"

    /** Whether there is to be a stream. */
    val start: Deferred<StreamStart> get() = decided

    /** The response has begun, and its body goes into [channel]. */
    fun attach(channel: ByteWriteChannel) {
        output = channel
        writer.complete(EventWriter(channel, subscribe.topic, codec))
    }

    override suspend fun receive(): Inbound? =
        when (said++) {
            0 -> Inbound.Data(codec.encode(subscribe), isText = true)
            // its pong stands behind the answer to [subscribe], if there is any: an interceptor may have swallowed that
            1 -> Inbound.Ping(ByteArray(0))
            else -> heard.receiveCatching().getOrNull()
        }

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int) {
        for (i in 0 until count) {
            val frame = frames[i]!!
            frames[i] = null // lets the bytes go while the client is slow
            if (decided.isCompleted) put(frame) else hold(frame)
        }
        if (!isBegun) return
        channelIo {
            val writer = writer.await()
            writer.flush()
            if (output?.isClosedForWrite == true) throw IOException("the connection is gone")
        }
        // whoever takes what is written is there: no client of a stream can say so itself
        if (wasPinged) heard.trySend(Inbound.Pong)
        wasPinged = false
    }

    private suspend fun hold(frame: OutboundFrame) {
        held += frame
        heldBytes += frame.size
        frame.forEachFrame { opcode, start, end ->
            if (!decided.isCompleted) decide(opcode, frame.wire, start, end)
        }
        if (heldBytes > MAX_HELD_BYTES) begin()
        if (!decided.isCompleted) return
        val first = held.toList()
        held.clear()
        if (isBegun) channelIo { writer.await().retry(retryAfter(null)) }
        for (one in first) put(one)
    }

    private fun decide(opcode: Int, bytes: ByteArray, start: Int, end: Int) {
        if (opcode != Opcode.Text.wire) {
            begin()
            return
        }
        val message = codec.decodeOrNull(bytes.copyOfRange(start, end)) ?: return
        if (message.type == MessageType.ACK && message.ref == subscribe.ref) {
            message.dataOrNull<SubscribedData>()?.let(::joined)
            begin()
        } else if (message.type == MessageType.ERROR && (message.ref == subscribe.ref || message.ref.isEmpty())) {
            decided.complete(StreamStart.Refused(message.dataOrNull() ?: UNSAID))
            heard.trySend(Inbound.Close(CloseCode.Normal.wire))
        }
    }

    private fun begin() {
        isBegun = decided.complete(StreamStart.Begun)
    }

    private fun joined(data: SubscribedData) {
        epoch = data.epoch
        // what was missed follows, and has not come yet: a connection that breaks now goes on from the same place
        place = since?.takeIf { data.recovered } ?: Position(data.epoch, data.offset)
    }

    private suspend fun put(frame: OutboundFrame) {
        if (!isBegun) return
        channelIo {
            val writer = writer.await()
            frame.forEachFrame { opcode, start, end ->
                when (opcode) {
                    Opcode.Text.wire -> writer.put(frame.wire, start, end)
                    Opcode.Ping.wire -> {
                        writer.comment()
                        wasPinged = true
                    }
                }
            }
        }
    }

    private suspend fun EventWriter.put(bytes: ByteArray, start: Int, end: Int) {
        val first = place?.takeIf { codec.decodeOrNull(bytes.copyOfRange(start, end))?.ref == subscribe.ref }
        if (first == null) {
            message(bytes, start, end)
        } else {
            message(bytes, start, end, first)
            place = null
            epoch = this@EventSocket.epoch
        }
    }

    /** Returns when the engine has taken all of it; that a client has closed a stream it does not say. */
    override suspend fun close(code: Int, reason: String, answering: Boolean) {
        if (decided.complete(StreamStart.Ended(CloseCode.of(code), reason)) || !isBegun) return
        channelIo {
            val writer = writer.await()
            if (writer.isInsideEvent) return
            writer.close(code, reason, retryAfter(CloseCode.of(code)))
            writer.end()
            val source = output as? ByteReadChannel ?: return
            while (!source.isClosedForRead) delay(LOOK_AGAIN) // nobody tells
        }
        isTaken = true
    }

    override fun abort() {
        val cause = IOException("the session has ended")
        decided.complete(StreamStart.Ended(CloseCode.Abnormal, ""))
        writer.completeExceptionally(cause)
        heard.close()
        val channel = output
        if (channel == null || isTaken) return
        channel.cancel(cause)
        cut()
    }

    private companion object {
        /** What is held until it is decided: much more than handlers say at a session's beginning. */
        const val MAX_HELD_BYTES = 64 * 1024

        val LOOK_AGAIN = 20.milliseconds

        val UNSAID = ErrorData(ErrorCode.Forbidden.wire, "this session may not use the topic")

        /** An interceptor may answer in the place of live, with whatever it likes. */
        inline fun <reified T> Message.dataOrNull(): T? =
            try {
                if (body == null) null else decode<T>()
            } catch (_: BadPayloadException) {
                null
            }
    }
}

/** How a request for a stream goes on. */
internal sealed interface StreamStart {
    /** With a stream. */
    object Begun : StreamStart

    /** With [error] as the answer to its subscribe. */
    class Refused(val error: ErrorData) : StreamStart

    /** With the end of the session, before there was an answer. */
    class Ended(val code: CloseCode, val reason: String) : StreamStart
}
