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
 * Writes messages as server-sent events (HTML Living Standard, section 9.2.6) to [output]: each is the data of an event
 * without a name, which is what `onmessage` of a page's `EventSource` gets. Only accessed by the session's writer, and
 * then by whoever closes.
 *
 * Named after their types they would be in the way of the events `open` and `error`, which `EventSource` has itself.
 */
internal class EventWriter(private val output: ByteWriteChannel, private val topic: String, private val codec: Codec) {
    /** Names the history that offsets are of; null where none is kept. */
    var epoch: String? = null

    /** A write was cancelled inside an event: what follows would become part of it. */
    var isInsideEvent = false
        private set

    /** The client waits for [retry] before it connects again. */
    suspend fun retry(retry: Duration): Unit = put("retry: ${retry.inWholeMilliseconds}\n\n")

    /** The payload at [start] until [end] of [bytes], with the [id] that the client comes back with, if it is given. */
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

    /** Nothing: a line that keeps proxies from closing the connection, and that fails to be written if it is gone. */
    suspend fun comment(): Unit = put(":\n\n")

    /** The last event: why the stream ends, and when to come back. */
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

        /** Between the tokens of JSON a space is as good as a line break, and inside of them there is none. */
        fun withoutLineBreaks(bytes: ByteArray, start: Int, end: Int): ByteArray =
            bytes.copyOfRange(start, end).also { copy ->
                for (i in copy.indices) if (copy[i] == LF || copy[i] == CR) copy[i] = ' '.code.toByte()
            }
    }
}

/** The message that the server itself wrote as [bytes]; null if its codec cannot read what it writes. */
internal fun Codec.decodeOrNull(bytes: ByteArray): Message? =
    try {
        decode(bytes, ANY_DEPTH)
    } catch (_: MalformedMessageException) {
        null
    }

/** What a server publishes may nest deeper than what it lets clients send. */
private val ANY_DEPTH = DecodeLimits(DecodeLimits.MAX_DEPTH)
