package dev.live.benchmarks.load.generator

/** Receives the frames that a [FrameScanner] finds. The bytes are only valid during the call. */
internal fun interface FrameSink {
    fun onFrame(connection: Connection, opcode: Int, bytes: ByteArray, from: Int, to: Int)
}

/** The server sent an unsupported frame, such as a fragment. */
internal class BadFrameException(message: String) : Exception(message)

/**
 * Splits the bytes from a server into frames, without an allocation per frame. It supports neither masking, which
 * servers do not use, nor fragments, because the messages are small.
 *
 * @param inflater for compressed frames; null if the client does not offer compression
 */
internal class FrameScanner(private val inflater: SharedInflater? = null, private val sink: FrameSink) {
    /**
     * Passes every complete frame between [from] and [to] to the sink.
     *
     * @return the offset of the first incomplete frame, or [to] if there is none
     */
    fun scan(connection: Connection, bytes: ByteArray, from: Int, to: Int): Int {
        var at = from
        while (at + 2 <= to) {
            val first = bytes[at].toInt()
            var length = bytes[at + 1].toInt()
            val isCompressed = first and 0x40 != 0 && inflater != null
            if (first and 0x70 != 0 && !isCompressed) {
                throw BadFrameException("a frame with reserved bits: ${first and 255}")
            }
            if (first and 0x80 == 0 || first and 15 == 0) throw BadFrameException("a fragmented message")
            if (length < 0) throw BadFrameException("a masked frame")
            var start = at + 2
            if (length == 126) {
                start += 2
                if (start > to) return at
                length = uint16(bytes, at + 2)
            } else if (length == 127) {
                start += 8
                if (start > to) return at
                length = longLength(bytes, at + 2)
            }
            val end = start + length
            if (end > to) return at
            if (isCompressed) {
                val message = inflater.inflate(bytes, start, end)
                sink.onFrame(connection, first and 15, message, 0, message.size)
            } else {
                sink.onFrame(connection, first and 15, bytes, start, end)
            }
            at = end
        }
        return at
    }

    private fun longLength(bytes: ByteArray, at: Int): Int {
        var length = 0L
        for (i in at until at + 8) length = (length shl 8) or (bytes[i].toLong() and 255)
        if (length !in 0..MAX_FRAME) throw BadFrameException("a frame of $length bytes")
        return length.toInt()
    }

    companion object {
        private const val MAX_FRAME = 1L shl 20

        fun uint16(bytes: ByteArray, at: Int): Int =
            (bytes[at].toInt() and 255 shl 8) or (bytes[at + 1].toInt() and 255)
    }
}
