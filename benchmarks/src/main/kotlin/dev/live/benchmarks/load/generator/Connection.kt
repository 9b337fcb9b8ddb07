package dev.live.benchmarks.load.generator

import java.nio.ByteBuffer
import java.nio.channels.SelectionKey
import java.nio.channels.SocketChannel

/** The state of a connection. */
internal enum class Stage { CONNECTING, UPGRADING, GREETING, OPEN, CLOSED }

/**
 * One client. Only accessed by the generator's single thread.
 *
 * @property index index among all connections of the benchmark
 * @property subscriptions frames that this client sends, and that the server acknowledges, before the benchmark starts
 */
internal class Connection(
    val index: Int,
    val channel: SocketChannel,
    opcode: Int,
    var subscriptions: Iterator<ByteArray>,
) {
    lateinit var key: SelectionKey
    var stage = Stage.CONNECTING
    var unacknowledged = 0
    var isSettled = false
    var closeCode = 0
    val out = OutgoingFrames(opcode)
    var isDirty = false

    /** The start of an incomplete frame. */
    var pending = ByteArray(0)
        private set
    var pendingSize = 0
        private set

    fun keep(bytes: ByteArray, from: Int, to: Int) {
        pendingSize = to - from
        if (pendingSize > pending.size) pending = ByteArray(pendingSize * 2)
        bytes.copyInto(pending, 0, from, to)
    }

    /** Writes the pending frames through [direct]. The rest is written when the socket is writable again. */
    fun flush(direct: ByteBuffer) {
        while (out.size > 0) {
            direct.clear()
            direct.put(out.bytes, 0, minOf(out.size, direct.capacity())).flip()
            val written = channel.write(direct)
            out.drop(written)
            if (direct.hasRemaining()) break
        }
        val interest = if (out.size > 0) SelectionKey.OP_READ or SelectionKey.OP_WRITE else SelectionKey.OP_READ
        if (key.interestOps() != interest) key.interestOps(interest)
    }
}
