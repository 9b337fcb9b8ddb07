package dev.live.server.transport

import java.nio.ByteBuffer

/**
 * Unmasks [count] of [bytes] in place, beginning at [from]; [done] bytes of the same payload came before them. The four
 * bytes of [mask] are in the order of the wire, the first one at the top. True if all of the bytes are ASCII.
 */
internal fun unmask(bytes: ByteArray, from: Int, count: Int, mask: Int, done: Int): Boolean {
    var turned = mask.rotateLeft(Byte.SIZE_BITS * (done and 3))
    var all = 0L // what "or" makes of all bytes
    var i = from
    val end = from + count
    if (count >= Long.SIZE_BYTES) {
        val twice = (turned.toLong() shl Int.SIZE_BITS) or (turned.toLong() and LOWER_HALF)
        val longs = ByteBuffer.wrap(bytes)
        while (i <= end - Long.SIZE_BYTES) {
            val eight = longs.getLong(i) xor twice
            longs.putLong(i, eight)
            all = all or eight
            i += Long.SIZE_BYTES
        }
    }
    while (i < end) {
        val byte = (bytes[i].toInt() xor (turned ushr FIRST_BYTE)).toByte()
        bytes[i++] = byte
        all = all or byte.toLong()
        turned = turned.rotateLeft(Byte.SIZE_BITS)
    }
    return all and TOP_BITS == 0L
}

private const val LOWER_HALF = 0xFFFFFFFFL
private const val FIRST_BYTE = 24

/** The top bit of each of eight bytes. */
private const val TOP_BITS = -0x7F7F7F7F7F7F7F80L
