package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelFuture
import io.netty.channel.ChannelFutureListener
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.socket.ChannelInputShutdownEvent
import io.netty.channel.socket.DuplexChannel
import io.netty.handler.ssl.SslHandler
import io.netty.util.ReferenceCountUtil
import kotlinx.coroutines.CompletableJob
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.withContext
import java.io.IOException
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import kotlin.coroutines.CoroutineContext

/**
 * A socket in the pipeline of a Netty channel, without a coroutine or a pipe between the session's queue and the
 * channel.
 *
 * Its state is only accessed by the channel's event loop, unless noted otherwise. It writes one batch at a time to the
 * channel, and the next one only after the socket has accepted all of it; other frames wait in the session's queue.
 * One file, because reading, writing and closing share the state of the event loop.
 *
 * @param readers dispatcher of the session's reader, which then takes messages from [inbound] on its threads; null if
 *   the event loop runs the reader
 */
internal class NettySocket(
    private val loop: NettyLoop,
    limits: FrameLimits,
    readers: CoroutineDispatcher? = null,
) : ChannelInboundHandlerAdapter(), Socket, ChannelFutureListener, Runnable {
    private lateinit var context: ChannelHandlerContext
    private val decoder = NettyFrameDecoder(limits)
    private val inbound = NettyInput(loop, readers)

    /** Set by [pump] before the socket is made ready; then only accessed by the loop, like the next fields. */
    private var source: FrameSource? = null
    private var listener: WriteListener? = null
    private var onEnd: ((IOException?) -> Unit)? = null

    /** Whether a batch is being written. */
    private var isWriting = false

    /** Whether [drain] is due after the current write. Until then [ready] is 1, so that nothing else schedules it. */
    private var isDrainDeferred = false

    /**
     * Whether no handler that may buffer output, such as TLS, is between this one and the channel. Determined by
     * [pump]: a batch buffered by a handler that is added later counts as written.
     */
    private var isFirstInPipeline = false

    /** Whether an incomplete write means a full socket. False for io_uring, which always completes writes later. */
    private var isSynchronous = false

    /** 1 if [drain] is scheduled, else 0. Set by any thread. */
    @Volatile
    private var ready = 0

    /** Completed when the client has closed its side of the connection; only while [close] waits for that. */
    private var inputEnd: CompletableJob? = null
    private var isInputEnded = false

    /** The next socket in the loop's list. Written by the thread that set [ready], then by the loop. */
    var nextReady: NettySocket? = null

    override val transport: String get() = "netty"

    override val readerContext: CoroutineContext get() = inbound.readerContext

    /** Runs code on the event loop. */
    val loopContext: CoroutineContext get() = loop.dispatcher

    override fun handlerAdded(context: ChannelHandlerContext) {
        this.context = context
        inbound.channel = context.channel()
    }

    /** If called off the loop and cancelled, it may lose the message that it was about to return. */
    override suspend fun receive(): Inbound? = inbound.receive()

    override suspend fun read(): Inbound? = inbound.read()

    override fun stopReading(): Unit = inbound.stopReading()

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        try {
            if (message !is ByteBuf || inbound.hasViolation) return
            inbound.requireNoOverrun(message.readableBytes())
            while (message.isReadable) {
                decoder.source = message
                inbound.add(decoder.decode() ?: break)
                if (inbound.isPaused) inbound.setAutoRead(false)
            }
        } catch (e: SocketViolation) {
            inbound.fail(e)
        } finally {
            decoder.source = Unpooled.EMPTY_BUFFER
            ReferenceCountUtil.release(message)
        }
    }

    override fun exceptionCaught(context: ChannelHandlerContext, cause: Throwable) {
        context.close() // the connection was lost: channelInactive follows
    }

    /**
     * The client has closed its side of the connection. It can still read, for example the reply to its close frame.
     */
    override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
        if (event === ChannelInputShutdownEvent.INSTANCE) inputEnded()
        context.fireUserEventTriggered(event)
    }

    override fun channelInactive(context: ChannelHandlerContext) {
        inputEnded() // Netty fails the pending writes
        context.fireChannelInactive()
    }

    /** Reads from the channel, unless early messages have filled the queue. Only called by the event loop. */
    fun startReading(): Unit = inbound.updateAutoRead()

    /** The client will send no more bytes. */
    fun inputEnded() {
        isInputEnded = true
        inbound.end()
        inputEnd?.complete()
    }

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int): Unit =
        withContext(loop.dispatcher) {
            for (i in 0 until count) {
                loop.batch[i] = frames[i]
                frames[i] = null
            }
            val own = loop.writeBuffer.of(loop.batch, count, context)
            loop.writeBuffer.release()
            context.writeAndFlush(own).awaitCompletion()
        }

    override fun pump(
        scope: CoroutineScope,
        source: FrameSource,
        listener: WriteListener,
        onEnd: (IOException?) -> Unit,
    ) {
        this.source = source
        this.listener = listener
        this.onEnd = onEnd
        isFirstInPipeline = context.pipeline().first() === this
        isSynchronous = !context.channel().javaClass.name.startsWith("io.netty.channel.uring.")
        source.waker = this
        run()
    }

    /** The queue has new frames. Thread-safe. */
    override fun run() {
        if (ready == 0 && READY.compareAndSet(this, 0, 1)) loop.add(this)
    }

    /** Writes waiting frames until the client does not accept them at once. */
    fun drain() {
        if (isWriting) {
            isDrainDeferred = true
            return
        }
        ready = 0 // first: frames added from now on make the socket ready again
        val source = source ?: return
        repeat(MAX_BATCHES) {
            val count = source.poll(loop.batch)
            if (count < 0) return finish(null)
            if (count == 0) return
            val bytes = loop.writeBuffer.of(loop.batch, count, context)
            val pending = context.writeOrPending(bytes, isFirstInPipeline && isSynchronous) ?: return@repeat
            if (!pending.isDone) return await(pending, source)
            if (!pending.isSuccess) return finish(pending.toIOException())
        }
        run() // lets the other sockets of this loop write first
    }

    private fun await(pending: ChannelFuture, source: FrameSource) {
        isWriting = true
        // frames that the batch had no space for; later ones schedule a drain
        if (!source.isIdle && READY.compareAndSet(this, 0, 1)) isDrainDeferred = true
        listener?.run { writeStarted(isSynchronous).let { if (isSynchronous) writeBlocked(it) } }
        pending.addListener(this)
    }

    /** The current batch was written, or failed. */
    override fun operationComplete(written: ChannelFuture) {
        isWriting = false
        if (!written.isSuccess) return finish(written.toIOException())
        listener?.writeCompleted()
        if (!isDrainDeferred) return
        isDrainDeferred = false
        loop.add(this)
    }

    /** Closes the connection; frames already taken from the queue are lost. */
    fun fail(cause: Throwable) {
        finish(IOException("write failed", cause))
        context.close()
    }

    private fun finish(cause: IOException?) {
        val end = onEnd ?: return
        onEnd = null
        source?.waker = null
        source = null
        end(cause)
    }

    override suspend fun close(code: Int, reason: String, closeReceived: Boolean): Unit =
        withContext(loop.dispatcher) {
            write(arrayOf(OutboundFrame(Opcode.Close, closePayload(code, reason))), 1)
            inbound.setAutoRead(true)
            if (!closeReceived) awaitCloseFrame()
            val channel = context.channel()
            if (channel is DuplexChannel && context.pipeline().get(SslHandler::class.java) == null) {
                // after the last byte; the client then closes the other side. Closing both at once may lose that byte
                channel.shutdownOutput().awaitCompletion()
                // [channelRead] discards later bytes: the close frame or a violation was already received
                if (!isInputEnded) Job().also { inputEnd = it }.join()
            } else {
                context.close().awaitCompletion()
            }
        }

    /**
     * Discards messages until the client's close frame, the end of the connection or a violation. The server does not
     * reply to the violation.
     */
    private suspend fun awaitCloseFrame() {
        try {
            do {
                val inbound = receive()
            } while (inbound != null && inbound !is Inbound.Close)
        } catch (_: SocketViolation) {
            return
        }
    }

    override fun abort() {
        context.close()
    }

    private companion object {
        // an updater, to avoid one object per session
        val READY: AtomicIntegerFieldUpdater<NettySocket> =
            AtomicIntegerFieldUpdater.newUpdater(NettySocket::class.java, "ready")

        /** Maximum batches that one socket writes before others get the loop. */
        const val MAX_BATCHES = 4
    }
}
