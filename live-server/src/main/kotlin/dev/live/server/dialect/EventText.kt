package dev.live.server.dialect

import dev.live.protocol.Position
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlin.time.Duration

/**
 * The text of server-sent events (HTML Living Standard, section 9.2.6). Events of messages are unnamed, so a page's
 * `EventSource` receives them in `onmessage`: names of message types would conflict with its own events `open` and
 * `error`.
 */
internal object EventText {
    /** An empty comment, which clients ignore. */
    val COMMENT: ByteArray = ":\n\n".encodeToByteArray()

    /** An event with [id] and [data], which is one JSON value. */
    fun event(id: Position?, data: ByteArray): ByteArray {
        val start = if (id == null) DATA else "id: $id\ndata: ".encodeToByteArray()
        val text = ByteArray(start.size + data.size + END.size)
        start.copyInto(text)
        data.copyInto(text, start.size)
        END.copyInto(text, start.size + data.size)
        // a codec may write line breaks: JSON allows them only between tokens, where a space is equivalent
        for (i in start.size until start.size + data.size) if (text[i] == LF || text[i] == CR) text[i] = SPACE
        return text
    }

    /** Sets the client's reconnect delay. */
    fun retry(delay: Duration): ByteArray = "retry: ${delay.inWholeMilliseconds}\n\n".encodeToByteArray()

    /** The last event: the reason why the stream ends, and the reconnect delay. */
    fun close(code: Int, reason: String, retry: Duration): ByteArray {
        val data = buildJsonObject {
            put("code", code)
            put("reason", reason)
        }
        return "retry: ${retry.inWholeMilliseconds}\nevent: close\ndata: $data\n\n".encodeToByteArray()
    }

    private val DATA = "data: ".encodeToByteArray()
    private val END = "\n\n".encodeToByteArray()
    private const val LF = '\n'.code.toByte()
    private const val CR = '\r'.code.toByte()
    private const val SPACE = ' '.code.toByte()
}
