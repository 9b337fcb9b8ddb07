package dev.live.server.transport

import java.nio.ByteBuffer

/**
 * Unmasks [count] of [bytes] in place, starting at index [from], which is offset [payloadOffset] of the payload. The
 * four bytes of [mask] are in wire order, the first one in the highest bits. Returns true if all bytes are ASCII.
 */
internal fun unmask(bytes: ByteArray, from: Int, count: Int, mask: Int, payloadOffset: Int): Boolean {
    var rotated = mask.rotateLeft(Byte.SIZE_BITS * (payloadOffset and 3))
    var all = 0L // bitwise "or" of all bytes
    var i = from
    val end = from + count
    if (count >= Long.SIZE_BYTES) {
        val mask64 = (rotated.toLong() shl Int.SIZE_BITS) or (rotated.toLong() and LOWER_HALF)
        val longs = ByteBuffer.wrap(bytes)
        while (i <= end - Long.SIZE_BYTES) {
            val eight = longs.getLong(i) xor mask64
            longs.putLong(i, eight)
            all = all or eight
            i += Long.SIZE_BYTES
        }
    }
    while (i < end) {
        val byte = (bytes[i].toInt() xor (rotated ushr FIRST_BYTE)).toByte()
        bytes[i++] = byte
        all = all or byte.toLong()
        rotated = rotated.rotateLeft(Byte.SIZE_BITS)
    }
    return all and TOP_BITS == 0L
}

private const val LOWER_HALF = 0xFFFFFFFFL
private const val FIRST_BYTE = 24

/** The top bit of each of eight bytes. */
private const val TOP_BITS = -0x7F7F7F7F7F7F7F80L
