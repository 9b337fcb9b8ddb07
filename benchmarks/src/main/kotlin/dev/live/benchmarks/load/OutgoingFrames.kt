package dev.live.benchmarks.load

/** The payload of a frame that is sent again and again with another marker; [markerAt] is -1 where it has none. */
internal class FrameTemplate(val payload: ByteArray) {
    val markerAt: Int = Marker.find(payload, 0, payload.size)
}

/**
 * Frames that wait to be written to one connection, masked as a client's must be.
 *
 * One mask for all: a fresh random one per frame guards proxies against scripts, and here there are neither.
 */
internal class OutgoingFrames(private val opcode: Int) {
    var bytes = ByteArray(0)
        private set
    var size = 0
        private set

    fun add(template: FrameTemplate, sequence: Int, time: Long) {
        val start = begin(opcode, template.payload)
        if (template.markerAt >= 0) Marker.write(bytes, start + template.markerAt, sequence, time)
        mask(start, template.payload.size)
    }

    fun add(payload: ByteArray, opcode: Int = this.opcode) = mask(begin(opcode, payload), payload.size)

    fun addRaw(raw: ByteArray) {
        reserve(raw.size)
        raw.copyInto(bytes, size)
        size += raw.size
    }

    /** Forgets the first [count] bytes: they are written. */
    fun drop(count: Int) {
        if (count < size) bytes.copyInto(bytes, 0, count, size)
        size -= count
    }

    private fun begin(opcode: Int, payload: ByteArray): Int {
        reserve(payload.size + MAX_HEADER)
        bytes[size++] = (0x80 or opcode).toByte()
        when {
            payload.size < 126 -> bytes[size++] = (0x80 or payload.size).toByte()
            payload.size < 65536 -> {
                bytes[size++] = (0x80 or 126).toByte()
                bytes[size++] = (payload.size ushr 8).toByte()
                bytes[size++] = payload.size.toByte()
            }
            else -> error("a payload of ${payload.size} bytes")
        }
        for (byte in MASK) bytes[size++] = byte
        val start = size
        payload.copyInto(bytes, start)
        size += payload.size
        return start
    }

    private fun mask(start: Int, length: Int) {
        for (i in 0 until length) bytes[start + i] = (bytes[start + i].toInt() xor MASK[i and 3].toInt()).toByte()
    }

    private fun reserve(count: Int) {
        if (size + count > bytes.size) bytes = bytes.copyOf(maxOf(size + count, bytes.size * 2, 256))
    }

    private companion object {
        const val MAX_HEADER = 8
        val MASK = byteArrayOf(0x2f, 0x5a, 0x13, 0x74)
    }
}
