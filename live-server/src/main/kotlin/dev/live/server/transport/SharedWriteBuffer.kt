package dev.live.server.transport

import dev.live.server.frame.OutboundFrame
import io.netty.buffer.ByteBuf
import io.netty.channel.ChannelHandlerContext

/**
 * Puts a run of frames into one buffer, and keeps that buffer for the next socket that writes the same run.
 *
 * After a fan-out thousands of sockets write the same few frames one after the other. They share one buffer: it is
 * copied together once, and clients that are slow to take it hold one copy and not thousands.
 *
 * Only accessed by the event loop.
 */
internal class SharedWriteBuffer {
    private val frames = arrayOfNulls<OutboundFrame>(MAX_BATCH)
    private var count = 0
    private var buffer: ByteBuf? = null

    /** The first [count] frames of [batch] in one buffer, which is the caller's to release. Empties [batch]. */
    fun of(batch: Array<OutboundFrame?>, count: Int, context: ChannelHandlerContext): ByteBuf {
        val known = buffer
        if (known != null && isSame(batch, count)) {
            batch.fill(null, 0, count)
            return known.retainedDuplicate().setIndex(0, known.capacity()) // whatever the first of them has written
        }
        release()
        var size = 0
        for (i in 0 until count) size += batch[i]!!.wire.size
        val fresh = context.alloc().directBuffer(size, size)
        for (i in 0 until count) {
            fresh.writeBytes(batch[i]!!.wire)
            frames[i] = batch[i]
            batch[i] = null
        }
        this.count = count
        buffer = fresh
        return fresh.retain()
    }

    /** Lets the last run go. */
    fun release() {
        buffer?.release()
        buffer = null
        frames.fill(null, 0, count)
        count = 0
    }

    private fun isSame(batch: Array<OutboundFrame?>, count: Int): Boolean {
        if (count != this.count) return false
        for (i in 0 until count) if (batch[i] !== frames[i]) return false
        return true
    }
}
