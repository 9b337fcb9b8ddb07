package dev.live.benchmarks.load

/** Takes the frames that a [FrameScanner] finds; the bytes are only valid during the call. */
internal fun interface FrameSink {
    fun onFrame(connection: Connection, opcode: Int, bytes: ByteArray, from: Int, to: Int)
}

/** The server sent what this client does not take, such as a fragmented message. */
internal class BadFrameException(message: String) : Exception(message)

/**
 * Cuts what servers send into frames, without an allocation per frame. Servers do not mask, and a benchmark's messages
 * are too small to be fragmented, so there is no more to it than this.
 */
internal class FrameScanner(private val sink: FrameSink) {
    /**
     * Hands every whole frame in [from] until [to] to the sink.
     *
     * @return where the first frame that is not whole begins; [to] if there is none
     */
    fun scan(connection: Connection, bytes: ByteArray, from: Int, to: Int): Int {
        var at = from
        while (at + 2 <= to) {
            val first = bytes[at].toInt()
            var length = bytes[at + 1].toInt()
            if (first and 0x70 != 0) throw BadFrameException("reserved bits in a frame: ${first and 255}")
            if (first and 0x80 == 0 || first and 15 == 0) throw BadFrameException("a fragmented message")
            if (length < 0) throw BadFrameException("a masked frame from the server")
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
            sink.onFrame(connection, first and 15, bytes, start, end)
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
