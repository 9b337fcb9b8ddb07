package dev.live.benchmarks.load.generator

/** A payload that is sent repeatedly with different markers. [markerAt] is -1 without a marker. */
internal class FrameTemplate(val payload: ByteArray) {
    val markerAt: Int = Marker.find(payload, 0, payload.size)
}

/**
 * Pending frames of one connection, masked as the protocol requires for clients.
 *
 * All frames share one mask. A random mask per frame protects proxies against scripts, and this connection has neither.
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

    /** Removes the first [count] bytes after they were written. */
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
            else -> error("unreachable: a payload of ${payload.size} bytes")
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
