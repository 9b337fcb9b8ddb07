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
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Job
import kotlinx.coroutines.yield
import java.io.IOException

/**
 * The client side of a [NettySocket] over an in-memory channel.
 *
 * @param isBare whether the socket writes directly to the channel; otherwise a handler between them may hold back
 *   writes, like one for TLS
 */
internal class EmbeddedEnd(
    limits: FrameLimits,
    onLoop: NettyLoop? = null,
    private val isBare: Boolean = true,
    readers: CoroutineDispatcher? = null,
) : ClientEnd {
    val channel = TwoWayChannel()
    val loop: NettyLoop = onLoop ?: NettyLoop(channel.eventLoop())
    private val holdingHandler = HoldingHandler()
    private val received = Unpooled.buffer()

    override val socket: NettySocket =
        NettySocket(loop, limits, readers).also { socket ->
            if (!isBare) channel.pipeline().addLast(holdingHandler)
            channel.pipeline().addLast(socket)
        }

    override suspend fun send(bytes: ByteArray) {
        yield() // like a network, so that the server runs
        channel.writeInbound(Unpooled.wrappedBuffer(bytes))
    }

    override suspend fun end() {
        yield()
        channel.close()
        runTasks()
    }

    override fun abort() {
        holdingHandler.fail()
        channel.close()
        runTasks()
    }

    override suspend fun take(count: Int): ByteArray {
        while (received.readableBytes() < count) {
            yield()
            runTasks()
            val more = channel.readOutbound<ByteBuf>()
            if (more == null) {
                if (channel.isOutputShutdown || !channel.isOpen) throw IOException("the server has stopped")
                continue
            }
            received.writeBytes(more)
            more.release()
        }
        return ByteArray(count).also(received::readBytes)
    }

    override suspend fun isEnded(): Boolean {
        channel.outputEnd.join()
        return !received.isReadable && channel.outboundMessages().isEmpty()
    }

    /** The client stops reading. */
    fun stall() {
        if (isBare) channel.isStalled = true else holdingHandler.isStalled = true
    }

    /** The client resumes reading. */
    fun resume() {
        if (isBare) channel.resume() else holdingHandler.resume()
    }

    /** Runs the pending tasks of the event loop. */
    fun runTasks() {
        channel.runPendingTasks()
    }

    /** A handler between the socket and the channel. */
    private inner class HoldingHandler : ChannelOutboundHandlerAdapter() {
        var isStalled = false
        private val waiting = ArrayDeque<Pair<Any, ChannelPromise>>()
        private lateinit var context: ChannelHandlerContext

        override fun handlerAdded(context: ChannelHandlerContext) {
            this.context = context
        }

        override fun write(context: ChannelHandlerContext, message: Any, promise: ChannelPromise) {
            if (isStalled) waiting += message to promise else super.write(context, message, promise)
        }

        fun resume() {
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

/** An in-memory channel with separate shutdown of each side. */
internal class TwoWayChannel : EmbeddedChannel(), DuplexChannel {
    /** Completed when the server has closed its side. */
    val outputEnd: CompletableJob = Job()

    /** Whether the network accepts no bytes. */
    var isStalled = false

    /** Whether every write fails. */
    var isBroken = false

    fun resume() {
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

/** A frame source filled by the test. */
internal class FakeSource : FrameSource, WriteListener {
    private val frames = ArrayDeque<OutboundFrame>()
    private var isClosed = false
    var isWriting = false
        private set

    val waiting: Int get() = frames.size

    /** How often the socket has asked for frames. */
    var polls = 0
        private set

    override val isIdle: Boolean get() = frames.isEmpty() && !isClosed

    override var waker: Runnable? = null

    fun offer(text: String): Unit = offer(OutboundFrame(Opcode.Text, text.toByteArray()))

    fun offer(frame: OutboundFrame) {
        frames += frame
        waker?.run()
    }

    fun close() {
        isClosed = true
        waker?.run()
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        polls++
        if (frames.isEmpty()) return if (isClosed) -1 else 0
        var count = 0
        while (count < batch.size) batch[count++] = frames.removeFirstOrNull() ?: return count - 1
        return count
    }

    override suspend fun take(batch: Array<OutboundFrame?>): Int = error("not used in this test")

    override fun writeStarted(reportsBlocked: Boolean): Int {
        isWriting = true
        return 1
    }

    override fun writeBlocked(number: Int) = Unit

    override fun writeCompleted() {
        isWriting = false
    }
}
