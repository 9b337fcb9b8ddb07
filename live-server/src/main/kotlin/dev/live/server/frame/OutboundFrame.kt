package dev.live.server.frame

/**
 * A frame on its way out, as it stands on the wire: a header and then the payload.
 *
 * Framed once, however many sockets it goes to: servers do not mask, so the bytes are the same for all of them.
 */
internal class OutboundFrame(val opcode: Opcode, payload: ByteArray) {
    /** Header and payload (RFC 6455, section 5.2). Shared between sockets: read-only. */
    val wire: ByteArray = header(opcode, payload.size) + payload

    /** Bytes of the payload alone. */
    val size: Int = payload.size

    private companion object {
        const val FIN = 0x80 // nothing is fragmented here
        const val LENGTH_IS_16_BITS: Byte = 126
        const val LENGTH_IS_64_BITS: Byte = 127
        const val MAX_SHORT_LENGTH = 125
        const val MAX_16_BIT_LENGTH = 0xFFFF

        fun header(opcode: Opcode, size: Int): ByteArray {
            val first = (FIN or opcode.wire).toByte()
            return when {
                size <= MAX_SHORT_LENGTH -> byteArrayOf(first, size.toByte())
                size <= MAX_16_BIT_LENGTH -> byteArrayOf(first, LENGTH_IS_16_BITS, (size shr 8).toByte(), size.toByte())
                else -> ByteArray(10).also {
                    it[0] = first
                    it[1] = LENGTH_IS_64_BITS
                    for (i in 0 until Int.SIZE_BYTES) it[9 - i] = (size shr 8 * i).toByte() // the upper half stays 0
                }
            }
        }
    }
}

/** The opcodes a server writes (RFC 6455, section 5.2). */
internal enum class Opcode(val wire: Int) { Text(0x1), Binary(0x2), Close(0x8), Ping(0x9), Pong(0xA) }
