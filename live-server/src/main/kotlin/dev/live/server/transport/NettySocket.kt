package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.netty.buffer.ByteBuf
import io.netty.channel.ChannelFuture
import io.netty.channel.ChannelFutureListener
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.socket.ChannelInputShutdownEvent
import io.netty.channel.socket.DuplexChannel
import io.netty.handler.ssl.SslHandler
import io.netty.util.ReferenceCountUtil
import kotlinx.coroutines.CompletableJob
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withContext
import java.io.IOException
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn

/**
 * A socket in the pipeline of Netty's channel: no coroutine and no pipe between the session's queue and the channel.
 *
 * All of its state belongs to the channel's event loop, but for what is said to be otherwise. First comes what is read,
 * then what is written, then the end. What it writes goes to the channel one batch at a time, and the next one only when
 * the socket took all of it: what waits, waits in the session's queue.
 */
internal class NettySocket(private val loop: NettyLoop, limits: FrameLimits) :
    ChannelInboundHandlerAdapter(), Socket, ChannelFutureListener, Runnable {
    private lateinit var context: ChannelHandlerContext
    private val decoder = NettyFrameDecoder(limits)
    private val inbound = Inbox()

    /** Set by [pump] before it makes the socket ready; from then on the loop's, like what follows. */
    private var source: FrameSource? = null
    private var watch: WriteWatch? = null
    private var onEnd: ((IOException?) -> Unit)? = null

    /** A batch is on its way to the client. */
    private var isWriting = false

    /**
     * Nothing stands between this and the channel that could hold back what is written, as TLS does. As of [pump]:
     * behind a handler put there later, a batch that it holds back counts as taken.
     */
    private var isBare = false

    /** A write that is not done at once found the socket full: not so on io_uring, which writes later in any case. */
    private var isSynchronous = false

    /** 1 if [drain] is to come, else 0. Set from any thread. */
    @Volatile
    private var ready = 0

    /** Completed when the client has ended its side of the connection; only while [close] waits for that. */
    private var inputEnd: CompletableJob? = null
    private var isInputEnded = false

    /** The next one in the loop's list. Written by whoever set [ready], then by the loop. */
    var nextReady: NettySocket? = null

    override val transport: String get() = "netty"

    override val readerContext: CoroutineContext get() = loop.dispatcher

    override fun handlerAdded(context: ChannelHandlerContext) {
        this.context = context
    }

    /** Called off the loop and cancelled, it may lose what it was about to return. */
    override suspend fun receive(): Inbound? =
        if (loop.isCurrent) polled() ?: awaited() else withContext(loop.dispatcher) { polled() ?: awaited() }

    // nothing is made for a message that comes while the reader waits: this is once for each of them
    override suspend fun read(): Inbound? =
        if (loop.isCurrent) polled() ?: next() else withContext(loop.dispatcher) { polled() ?: next() }

    private suspend fun next(): Inbound? = suspendCoroutineUninterceptedOrReturn { inbound.read(it) }

    override fun stopReading() {
        if (loop.isCurrent) inbound.stop() else loop.dispatcher.dispatch(EmptyCoroutineContext) { inbound.stop() }
    }

    private fun polled(): Inbound? {
        val next = inbound.poll() ?: return null
        if (inbound.isLow) readOn(true)
        return next
    }

    private suspend fun awaited(): Inbound? = suspendCancellableCoroutine { inbound.await(it) }

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        try {
            if (message is ByteBuf && !inbound.isBroken) take(message)
        } catch (e: SocketViolation) {
            inbound.fail(e)
        } finally {
            ReferenceCountUtil.release(message)
        }
    }

    private fun take(bytes: ByteBuf) {
        while (bytes.isReadable) {
            inbound.add(decoder.decode(bytes) ?: return)
            if (inbound.isFull) readOn(false)
        }
    }

    private fun readOn(isOn: Boolean) {
        val config = context.channel().config()
        if (config.isAutoRead != isOn) config.isAutoRead = isOn
    }

    override fun exceptionCaught(context: ChannelHandlerContext, cause: Throwable) {
        context.close() // the connection broke: that it is gone comes next
    }

    /** The client has ended its side of the connection. It may still read, such as the answer to its close frame. */
    override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
        if (event === ChannelInputShutdownEvent.INSTANCE) inputEnded()
        context.fireUserEventTriggered(event)
    }

    override fun channelInactive(context: ChannelHandlerContext) {
        inputEnded() // a write fails by itself
        context.fireChannelInactive()
    }

    /** Nothing more comes from the client. */
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
            val own = loop.concatenated(count, context)
            loop.forget()
            context.writeAndFlush(own).awaited()
        }

    override fun pump(scope: CoroutineScope, source: FrameSource, watch: WriteWatch, onEnd: (IOException?) -> Unit) {
        this.source = source
        this.watch = watch
        this.onEnd = onEnd
        isBare = context.pipeline().first() === this
        isSynchronous = !context.channel().javaClass.name.startsWith("io.netty.channel.uring.")
        source.waker = this
        run()
    }

    /** Something came into the queue. From any thread. */
    override fun run() {
        if (ready == 0 && READY.compareAndSet(this, 0, 1)) loop.add(this)
    }

    /** Writes what waits, until the client does not take it at once. */
    fun drain() {
        ready = 0 // first: what comes in from here on makes it ready again
        val source = source ?: return
        if (isWriting) return
        repeat(MAX_BATCHES) {
            val count = source.poll(loop.batch)
            if (count < 0) return ended(null)
            if (count == 0) return
            val written = context.written(loop.concatenated(count, context), isBare) ?: return@repeat
            if (!written.isDone) {
                isWriting = true
                watch?.run { writing().let { if (isSynchronous) blocked(it) } }
                written.addListener(this)
                return
            }
            if (!written.isSuccess) return ended(written.gone())
        }
        run() // others on this loop have waited long enough
    }

    /** The batch that was on its way has left. */
    override fun operationComplete(written: ChannelFuture) {
        isWriting = false
        if (!written.isSuccess) return ended(written.gone())
        watch?.written()
        run()
    }

    /** Gives up: what was taken from the queue is lost. */
    fun fail(cause: Throwable) {
        ended(IOException("the socket failed", cause))
        context.close()
    }

    private fun ended(cause: IOException?) {
        val end = onEnd ?: return
        onEnd = null
        source?.waker = null
        source = null
        end(cause)
    }

    override suspend fun close(code: Int, reason: String, answering: Boolean): Unit =
        withContext(loop.dispatcher) {
            write(arrayOf(OutboundFrame(Opcode.Close, closePayload(code, reason))), 1)
            readOn(true)
            if (!answering) awaitAnswer()
            val channel = context.channel()
            if (channel is DuplexChannel && context.pipeline().get(SslHandler::class.java) == null) {
                // behind the last byte; the client then ends the other side. Closing both at once may lose that byte
                channel.shutdownOutput().awaited()
                // what the client still sends is skipped by [channelRead]: its close frame or a violation has come
                if (!isInputEnded) Job().also { inputEnd = it }.join()
            } else {
                context.close().awaited()
            }
        }

    /** Discards what the client sends, until its close frame, its end, or what is no frame: no answer follows that. */
    private suspend fun awaitAnswer() {
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
        // no object of its own in every session for one bit
        val READY: AtomicIntegerFieldUpdater<NettySocket> =
            AtomicIntegerFieldUpdater.newUpdater(NettySocket::class.java, "ready")

        /** Batches that one socket writes before it is another's turn. */
        const val MAX_BATCHES = 4
    }
}
