package dev.live.redis

import dev.live.protocol.Body
import dev.live.protocol.DelicateLiveApi
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.broker.Publication
import java.nio.ByteBuffer

/**
 * The form of a publication in Redis: `L`, a version, flags, the fields that the flags name, each as a length of four
 * bytes and UTF-8, and the payload. It does not depend on the codecs of an application.
 */
internal object Envelope {
    private const val MAGIC: Byte = 'L'.code.toByte()
    private const val VERSION: Byte = 1
    private const val TYPE = 1
    private const val EXCEPT = 2
    private const val KEY = 4
    private const val TRACE = 8
    private const val BYTES = 16
    private const val JSON = 32
    private const val BOTH = BYTES or JSON
    private const val ALL = 63

    fun encode(publication: Publication): ByteArray {
        val type = publication.type.takeIf { it != MessageType.MESSAGE }?.encodeToByteArray()
        val except = publication.except?.encodeToByteArray()
        val key = publication.key?.encodeToByteArray()
        val trace = publication.trace.takeIf { it.isNotEmpty() }?.encodeToByteArray()
        val (kind, body) =
            when (val body = publication.body) {
                null -> 0 to EMPTY
                is Body.Bytes -> BYTES to body.toByteArray()
                is Body.Json -> JSON to body.text.encodeToByteArray()
            }
        var flags = kind
        var size = 3 + body.size
        val fields = arrayOf(TYPE to type, EXCEPT to except, KEY to key, TRACE to trace)
        for ((flag, field) in fields) {
            if (field == null) continue
            flags = flags or flag
            size += Int.SIZE_BYTES + field.size
        }
        val buffer = ByteBuffer.allocate(size).put(MAGIC).put(VERSION).put(flags.toByte())
        for ((_, field) in fields) if (field != null) buffer.putInt(field.size).put(field)
        return buffer.put(body).array()
    }

    /** The publication in the rest of [buffer]; null if it is not an envelope of this version. */
    @OptIn(DelicateLiveApi::class) // a codec of live has compacted and checked the text before it was published
    fun decode(topic: String, buffer: ByteBuffer): Publication? {
        if (buffer.remaining() < 3 || buffer.get() != MAGIC || buffer.get() != VERSION) return null
        val flags = buffer.get().toInt()
        if (flags !in 0..ALL || flags and BOTH == BOTH) return null
        return try {
            val type = if (flags and TYPE != 0) buffer.text() else MessageType.MESSAGE
            val except = if (flags and EXCEPT != 0) buffer.text() else null
            val key = if (flags and KEY != 0) buffer.text() else null
            val trace = if (flags and TRACE != 0) buffer.text() else ""
            val body =
                when {
                    flags and BYTES != 0 -> Body.bytes(buffer.bytes(buffer.remaining()))
                    flags and JSON != 0 -> Body.uncheckedJson(buffer.bytes(buffer.remaining()).decodeToString())
                    else -> null
                }
            Publication(topic, body, type, except, key, trace)
        } catch (_: IllegalArgumentException) {
            // a length or a value is out of bounds
            null
        }
    }

    private fun ByteBuffer.text() = bytes(int()).decodeToString()

    private fun ByteBuffer.int(): Int {
        require(remaining() >= Int.SIZE_BYTES) { "truncated" }
        return int
    }

    private fun ByteBuffer.bytes(size: Int): ByteArray {
        require(size in 0..remaining()) { "truncated" }
        return ByteArray(size).also { get(it) }
    }

    private val EMPTY = ByteArray(0)
}

/** A message of a channel: the position as `epoch:offset` or nothing, a line feed, and the envelope. */
internal class ChannelMessage(val publication: Publication, val position: Position?) {
    companion object {
        private const val LINE_FEED = '\n'.code.toByte()

        /** Maximum size of a position: an epoch and an offset. */
        private const val MAX_HEADER = Position.MAX_EPOCH_BYTES + 21

        /** The message of a publication without a position. */
        fun withoutPosition(envelope: ByteArray): ByteArray = byteArrayOf(LINE_FEED) + envelope

        /** The message that reports lost publications of a topic: without a position and without an envelope. */
        val interruption: ByteArray = byteArrayOf(LINE_FEED)

        fun isInterruption(bytes: ByteArray): Boolean = bytes.contentEquals(interruption)

        /** Returns null if [bytes] is not a publication. */
        fun decode(topic: String, bytes: ByteArray): ChannelMessage? {
            var end = 0
            while (end < bytes.size && bytes[end] != LINE_FEED) if (++end > MAX_HEADER) return null
            if (end == bytes.size) return null
            val position = if (end == 0) null else (position(bytes.decodeToString(0, end)) ?: return null)
            val publication = Envelope.decode(topic, ByteBuffer.wrap(bytes, end + 1, bytes.size - end - 1))
            return publication?.let { ChannelMessage(it, position) }
        }

        private fun position(text: String): Position? {
            val epoch = text.substringBeforeLast(':', "")
            val offset = text.substringAfterLast(':').toLongOrNull() ?: return null
            val bytes = epoch.encodeToByteArray().size
            return if (offset < 1 || bytes !in 1..Position.MAX_EPOCH_BYTES) null else Position(epoch, offset)
        }
    }
}
