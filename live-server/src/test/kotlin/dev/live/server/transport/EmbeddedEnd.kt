package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelFuture
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelOutboundBuffer
import io.netty.channel.ChannelOutboundHandlerAdapter
import io.netty.channel.ChannelPromise
import io.netty.channel.embedded.EmbeddedChannel
import io.netty.channel.socket.DuplexChannel
import kotlinx.coroutines.CompletableJob
import kotlinx.coroutines.Job
import kotlinx.coroutines.yield
import java.io.IOException

/**
 * The client's end of a [NettySocket], over a channel in memory.
 *
 * @param isBare whether nothing stands between the socket and the channel; otherwise there is a handler that may hold
 *   back what is written, as one for TLS does
 */
internal class EmbeddedEnd(
    limits: FrameLimits,
    onLoop: NettyLoop? = null,
    private val isBare: Boolean = true,
) : ClientEnd {
    val channel = TwoWayChannel()
    val loop: NettyLoop = onLoop ?: NettyLoop(channel.eventLoop())
    private val tap = Tap()
    private val taken = Unpooled.buffer()

    override val socket: NettySocket =
        NettySocket(loop, limits).also { socket ->
            if (!isBare) channel.pipeline().addLast(tap)
            channel.pipeline().addLast(socket)
        }

    override suspend fun send(bytes: ByteArray) {
        yield() // as a network would, so that the server gets its turn
        channel.writeInbound(Unpooled.wrappedBuffer(bytes))
    }

    override suspend fun end() {
        yield()
        channel.close()
        turn()
    }

    override fun abort() {
        tap.fail()
        channel.close()
        turn()
    }

    override suspend fun take(count: Int): ByteArray {
        while (taken.readableBytes() < count) {
            yield()
            turn()
            val more = channel.readOutbound<ByteBuf>()
            if (more == null) {
                if (channel.isOutputShutdown || !channel.isOpen) throw IOException("the server has ended")
                continue
            }
            taken.writeBytes(more)
            more.release()
        }
        return ByteArray(count).also(taken::readBytes)
    }

    override suspend fun isEnded(): Boolean {
        channel.outputEnd.join()
        return !taken.isReadable && channel.outboundMessages().isEmpty()
    }

    /** The client takes nothing from here on. */
    fun stall() {
        if (isBare) channel.isStalled = true else tap.isStalled = true
    }

    /** The client takes again. */
    fun flow() {
        if (isBare) channel.flow() else tap.flow()
    }

    /** Lets the event loop do what it has to. */
    fun turn() {
        channel.runPendingTasks()
    }

    /** Stands before the network. */
    private inner class Tap : ChannelOutboundHandlerAdapter() {
        var isStalled = false
        private val waiting = ArrayDeque<Pair<Any, ChannelPromise>>()
        private lateinit var context: ChannelHandlerContext

        override fun handlerAdded(context: ChannelHandlerContext) {
            this.context = context
        }

        override fun write(context: ChannelHandlerContext, message: Any, promise: ChannelPromise) {
            if (isStalled) waiting += message to promise else super.write(context, message, promise)
        }

        fun flow() {
            isStalled = false
            while (true) {
                val (message, promise) = waiting.removeFirstOrNull() ?: break
                context.writeAndFlush(message, promise)
            }
        }

        fun fail() {
            isStalled = false
            while (true) (waiting.removeFirstOrNull() ?: break).second.setFailure(IOException("broken"))
        }
    }
}

/** A channel in memory of which each side can be ended. */
internal class TwoWayChannel : EmbeddedChannel(), DuplexChannel {
    /** Completed when the server has ended its side. */
    val outputEnd: CompletableJob = Job()

    /** Whether the network takes nothing. */
    var isStalled = false

    /** Whether every write fails. */
    var isBroken = false

    fun flow() {
        isStalled = false
        unsafe().flush()
    }

    override fun doWrite(waiting: ChannelOutboundBuffer) {
        if (isBroken) throw IOException("broken")
        if (!isStalled) super.doWrite(waiting)
    }

    init {
        closeFuture().addListener { outputEnd.complete() }
    }

    override fun isInputShutdown(): Boolean = false

    override fun isOutputShutdown(): Boolean = outputEnd.isCompleted

    override fun isShutdown(): Boolean = isOutputShutdown

    override fun shutdownInput(): ChannelFuture = shutdownInput(newPromise())

    override fun shutdownInput(promise: ChannelPromise): ChannelFuture = promise.setSuccess()

    override fun shutdownOutput(): ChannelFuture = shutdownOutput(newPromise())

    override fun shutdownOutput(promise: ChannelPromise): ChannelFuture {
        outputEnd.complete()
        return promise.setSuccess()
    }

    override fun shutdown(): ChannelFuture = shutdownOutput()

    override fun shutdown(promise: ChannelPromise): ChannelFuture = shutdownOutput(promise)
}

/** A queue that a test fills. */
internal class FakeSource : FrameSource, WriteWatch {
    private val frames = ArrayDeque<OutboundFrame>()
    private var isClosed = false
    var isWriting = false
        private set

    val waiting: Int get() = frames.size

    override var waker: Runnable? = null

    fun offer(word: String): Unit = offer(OutboundFrame(Opcode.Text, word.toByteArray()))

    fun offer(frame: OutboundFrame) {
        frames += frame
        waker?.run()
    }

    fun close() {
        isClosed = true
        waker?.run()
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        if (frames.isEmpty()) return if (isClosed) -1 else 0
        var count = 0
        while (count < batch.size) batch[count++] = frames.removeFirstOrNull() ?: return count - 1
        return count
    }

    override suspend fun take(batch: Array<OutboundFrame?>): Int = error("nobody waits for this source")

    override fun writing(): Int {
        isWriting = true
        return 1
    }

    override fun blocked(number: Int) = Unit

    override fun written() {
        isWriting = false
    }
}
