package dev.live.server.support

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import kotlin.random.Random

/**
 * The bytes of one frame as a client writes it.
 *
 * A null [mask] writes an unmasked frame. [claimedLength] replaces the payload's length in the header, and
 * [lengthBytes] the size of the length field.
 */
internal fun clientFrame(
    opcode: Int,
    payload: ByteArray = ByteArray(0),
    fin: Boolean = true,
    rsv: Int = 0,
    mask: ByteArray? = byteArrayOf(0x12, 0x34, 0x56, 0x78),
    claimedLength: Long = payload.size.toLong(),
    lengthBytes: Int = if (claimedLength in 0..125) {
        0
    } else if (claimedLength in 126..0xFFFF) {
        2
    } else {
        8
    },
): ByteArray {
    val out = ByteArrayOutputStream()
    out.write((if (fin) 0x80 else 0) or (rsv shl 4) or opcode)
    val maskBit = if (mask == null) 0 else 0x80
    when (lengthBytes) {
        0 -> out.write(maskBit or claimedLength.toInt())
        2 -> {
            out.write(maskBit or 126)
            out.writeBytes(ByteBuffer.allocate(2).putShort(claimedLength.toShort()).array())
        }
        else -> {
            out.write(maskBit or 127)
            out.writeBytes(ByteBuffer.allocate(8).putLong(claimedLength).array())
        }
    }
    mask?.let(out::writeBytes)
    for (i in payload.indices) out.write(payload[i].toInt() xor (mask?.get(i % 4)?.toInt() ?: 0))
    return out.toByteArray()
}

/** A message in fragments of random sizes, with interleaved pings as RFC 6455, section 5.4, allows. */
internal fun Random.fragmented(payload: ByteArray, isText: Boolean, pings: MutableList<List<Byte>>): ByteArray {
    val out = ByteArrayOutputStream()
    var start = 0
    var opcode = if (isText) 1 else 2
    do {
        val end = if (nextInt(3) == 0) payload.size else nextInt(start, payload.size + 1)
        val fin = end == payload.size && nextInt(4) > 0
        out.writeBytes(clientFrame(opcode, payload.copyOfRange(start, end), fin, mask = nextBytes(4)))
        if (nextInt(3) == 0) {
            val ping = nextBytes(nextInt(126))
            pings += ping.toList()
            out.writeBytes(clientFrame(0x9, ping, mask = nextBytes(4)))
        }
        start = end
        opcode = 0
    } while (!fin)
    return out.toByteArray()
}
