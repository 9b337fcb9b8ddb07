package dev.live.server.frame

import dev.live.protocol.Message

/**
 * One outbound frame in wire format: a WebSocket header and the payload, or the text of a server-sent event. It may
 * also hold several concatenated frames, which sockets write like one frame.
 *
 * Encoded once for all sockets: servers do not mask frames, so the bytes are the same for every socket.
 *
 * @property opcode opcode of the first frame
 * @property wire the bytes of each frame (RFC 6455, section 5.2). Shared between sockets: read-only
 * @property size bytes of the payloads alone
 * @property count number of frames
 * @property subscribeReply the message in this frame if it replies to the subscribe of a request for server-sent
 *   events: their socket waits for it. Null in all other frames
 */
internal class OutboundFrame private constructor(
    val opcode: Opcode,
    val wire: ByteArray,
    val size: Int,
    val count: Int,
    val subscribeReply: Message? = null,
) {
    constructor(opcode: Opcode, payload: ByteArray) :
        this(opcode, header(opcode, payload.size) + payload, payload.size, count = 1)

    companion object {
        /** Contains no frame. */
        val Empty = OutboundFrame(Opcode.Text, ByteArray(0), size = 0, count = 0)

        private const val FIN = 0x80 // outbound frames are never fragmented
        private const val COMPRESSED = 0x40 // the first reserved bit (RFC 7692, section 7.2.3.1)
        private const val LENGTH_IS_16_BITS: Byte = 126
        private const val LENGTH_IS_64_BITS: Byte = 127
        private const val MAX_SHORT_LENGTH = 125
        private const val MAX_16_BIT_LENGTH = 0xFFFF

        /** A frame without a header: sockets write only [wire]. */
        fun unframed(opcode: Opcode, wire: ByteArray, subscribeReply: Message? = null) =
            OutboundFrame(opcode, wire, wire.size, count = 1, subscribeReply)

        /** A frame with the first [size] bytes of [payload], which permessage-deflate has compressed. */
        fun compressed(opcode: Opcode, payload: ByteArray, size: Int): OutboundFrame {
            val header = header(opcode, size)
            header[0] = (header[0].toInt() or COMPRESSED).toByte()
            val wire = header.copyOf(header.size + size)
            payload.copyInto(wire, header.size, 0, size)
            return OutboundFrame(opcode, wire, size, count = 1)
        }

        /** Concatenates [frames], at least one, in their order. */
        fun concat(frames: List<OutboundFrame>): OutboundFrame {
            val wire = ByteArray(frames.sumOf { it.wire.size })
            var end = 0
            for (frame in frames) {
                frame.wire.copyInto(wire, end)
                end += frame.wire.size
            }
            return OutboundFrame(frames[0].opcode, wire, frames.sumOf { it.size }, frames.sumOf { it.count })
        }

        private fun header(opcode: Opcode, size: Int): ByteArray {
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

/** The opcodes that a server writes (RFC 6455, section 5.2). */
internal enum class Opcode(val wire: Int) { Text(0x1), Binary(0x2), Close(0x8), Ping(0x9), Pong(0xA) }
