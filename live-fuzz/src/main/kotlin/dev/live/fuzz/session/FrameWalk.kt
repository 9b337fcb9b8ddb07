package dev.live.fuzz.session

import dev.live.server.frame.OutboundFrame

/**
 * Calls [visit] for each frame in this instance, with the frame's opcode and the range of its payload in
 * [OutboundFrame.wire].
 */
internal inline fun OutboundFrame.forEachFrame(visit: (opcode: Int, start: Int, end: Int) -> Unit) {
    var at = 0
    while (at < wire.size) {
        val opcode = wire[at].toInt() and OPCODE
        val short = wire[at + 1].toInt() and LENGTH
        val lengthBytes = if (short < LENGTH_IS_16_BITS) {
            0
        } else if (short == LENGTH_IS_16_BITS) {
            2
        } else {
            8
        }
        var size = if (lengthBytes == 0) short else 0
        for (i in 0 until lengthBytes) size = (size shl 8) or (wire[at + 2 + i].toInt() and 0xFF)
        val start = at + 2 + lengthBytes
        visit(opcode, start, start + size)
        at = start + size
    }
}

private const val OPCODE = 0x0F

private const val LENGTH = 0x7F

private const val LENGTH_IS_16_BITS = 126
