package dev.live.server.transport

import dev.live.server.frame.OutboundFrame
import io.netty.buffer.ByteBuf
import io.netty.channel.ChannelHandlerContext

/**
 * Concatenates a batch of frames into one buffer, and keeps the buffer for the next socket that writes the same frames.
 *
 * After a fan-out, thousands of sockets write the same few frames one after the other. They share one buffer: its bytes
 * are copied once, and slow clients hold one copy instead of thousands.
 *
 * Only accessed by the event loop.
 */
internal class SharedWriteBuffer {
    private val frames = arrayOfNulls<OutboundFrame>(MAX_BATCH)
    private var count = 0
    private var buffer: ByteBuf? = null

    /** Returns the first [count] frames of [batch] in one buffer, which the caller must release. Clears [batch]. */
    fun of(batch: Array<OutboundFrame?>, count: Int, context: ChannelHandlerContext): ByteBuf {
        val shared = buffer
        if (shared != null && isSame(batch, count)) {
            batch.fill(null, 0, count)
            // regardless of how much the first socket has written
            return shared.retainedDuplicate().setIndex(0, shared.capacity())
        }
        release()
        var size = 0
        for (i in 0 until count) size += batch[i]!!.wire.size
        val combined = context.alloc().directBuffer(size, size)
        for (i in 0 until count) {
            combined.writeBytes(batch[i]!!.wire)
            frames[i] = batch[i]
            batch[i] = null
        }
        this.count = count
        buffer = combined
        return combined.retain()
    }

    /** Releases the last buffer. */
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
