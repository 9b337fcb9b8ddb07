package dev.live.server.transport

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.Position
import io.ktor.utils.io.ByteWriteChannel
import io.ktor.utils.io.writeFully
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlin.time.Duration

/**
 * Writes messages as server-sent events (HTML Living Standard, section 9.2.6) to [output]. Each message is the data of
 * an unnamed event, which a page's `EventSource` receives in `onmessage`. Only accessed by the session's writer, and
 * after that by the coroutine that closes the socket.
 *
 * Events named after message types would conflict with the events `open` and `error` of `EventSource` itself.
 */
internal class EventWriter(private val output: ByteWriteChannel, private val topic: String, private val codec: Codec) {
    /** The epoch of the offsets in event ids; null without a history. */
    var epoch: String? = null

    /** Whether a write was cancelled inside an event: later output would become part of that event. */
    var isInsideEvent = false
        private set

    /** Sets the client's reconnect delay. */
    suspend fun retry(retry: Duration): Unit = put("retry: ${retry.inWholeMilliseconds}\n\n")

    /**
     * Writes the payload in [bytes] from [start] to [end], with [id] as the event id that a reconnecting client sends
     * back.
     */
    suspend fun message(bytes: ByteArray, start: Int, end: Int, id: Position? = idOf(bytes, start, end)) {
        isInsideEvent = true
        output.writeFully((if (id == null) "data: " else "id: $id\ndata: ").encodeToByteArray())
        if (hasNoLineBreak(bytes, start, end)) {
            output.writeFully(bytes, start, end)
        } else {
            output.writeFully(withoutLineBreaks(bytes, start, end))
        }
        output.writeFully(END)
        isInsideEvent = false
    }

    /**
     * Writes an empty comment, which keeps proxies from closing the connection, and fails if the connection is lost.
     */
    suspend fun comment(): Unit = put(":\n\n")

    /** Writes the last event: the reason why the stream ends, and the reconnect delay. */
    suspend fun close(code: Int, reason: String, retry: Duration) {
        val data = buildJsonObject {
            put("code", code)
            put("reason", reason)
        }
        put("retry: ${retry.inWholeMilliseconds}\nevent: close\ndata: $data\n\n")
    }

    suspend fun flush(): Unit = output.flush()

    suspend fun end(): Unit = output.flushAndClose()

    private suspend fun put(text: String) {
        isInsideEvent = true
        output.writeFully(text.encodeToByteArray())
        isInsideEvent = false
    }

    private fun idOf(bytes: ByteArray, start: Int, end: Int): Position? {
        val epoch = epoch ?: return null
        val message = codec.decodeOrNull(bytes.copyOfRange(start, end)) ?: return null
        return message.offset?.takeIf { message.topic == topic }?.let { Position(epoch, it) }
    }

    private companion object {
        val END = "\n\n".encodeToByteArray()
        const val LF = '\n'.code.toByte()
        const val CR = '\r'.code.toByte()

        fun hasNoLineBreak(bytes: ByteArray, start: Int, end: Int): Boolean {
            for (i in start until end) if (bytes[i] == LF || bytes[i] == CR) return false
            return true
        }

        /** JSON allows line breaks only between tokens, where a space is equivalent. */
        fun withoutLineBreaks(bytes: ByteArray, start: Int, end: Int): ByteArray =
            bytes.copyOfRange(start, end).also { copy ->
                for (i in copy.indices) if (copy[i] == LF || copy[i] == CR) copy[i] = ' '.code.toByte()
            }
    }
}

/** Decodes a message that the server itself encoded; null if the codec cannot decode it. */
internal fun Codec.decodeOrNull(bytes: ByteArray): Message? =
    try {
        decode(bytes, ANY_DEPTH)
    } catch (_: MalformedMessageException) {
        null
    }

/** Published messages may nest deeper than the limit for messages from clients. */
private val ANY_DEPTH = DecodeLimits(DecodeLimits.MAX_DEPTH)
