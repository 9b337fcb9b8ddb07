package dev.live.benchmarks.load.peer

import io.netty.buffer.ByteBuf
import io.netty.channel.ChannelHandlerContext

/** One connection that subscribes to one or more topics. Only accessed by the event loop. */
internal class NettySubscriber(val context: ChannelHandlerContext) {
    /** True if the connection has writes that are not yet flushed. */
    var isDirty = false
}

/** Delivers a frame from the Netty peer to the subscribers. Called on the event loop. Takes ownership of the frame. */
internal fun interface Delivery {
    fun deliver(frame: ByteBuf, subscribers: List<NettySubscriber>)
}

/** One write and one flush for each delivery, as most servers do. */
internal object FlushEach : Delivery {
    override fun deliver(frame: ByteBuf, subscribers: List<NettySubscriber>) {
        for (i in subscribers.indices) {
            val context = subscribers[i].context
            context.writeAndFlush(frame.retainedDuplicate(), context.voidPromise())
        }
        frame.release()
    }
}

/**
 * Writes at once, and flushes when the event loop has finished its current reads. Messages published in the meantime go
 * to a socket in one system call.
 */
internal class Coalesced : Delivery {
    private var dirty = ArrayList<NettySubscriber>()
    private var flushed = ArrayList<NettySubscriber>()
    private val flush = Runnable(::flushAll)

    override fun deliver(frame: ByteBuf, subscribers: List<NettySubscriber>) {
        if (dirty.isEmpty() && subscribers.isNotEmpty()) subscribers[0].context.channel().eventLoop().execute(flush)
        for (i in subscribers.indices) {
            val subscriber = subscribers[i]
            subscriber.context.write(frame.retainedDuplicate(), subscriber.context.voidPromise())
            if (!subscriber.isDirty) {
                subscriber.isDirty = true
                dirty += subscriber
            }
        }
        frame.release()
    }

    private fun flushAll() {
        val batch = dirty
        dirty = flushed
        flushed = batch
        for (i in batch.indices) {
            batch[i].isDirty = false
            batch[i].context.flush()
        }
        batch.clear()
    }
}
