package dev.live.server.transport

import io.ktor.server.netty.NettyApplicationCall
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.readRemaining
import io.netty.buffer.Unpooled
import io.netty.channel.AdaptiveRecvByteBufAllocator
import io.netty.channel.ChannelHandler
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ChannelOption
import io.netty.channel.ChannelOutboundHandlerAdapter
import io.netty.channel.ChannelPipeline
import io.netty.channel.ChannelPromise
import io.netty.channel.EventLoop
import io.netty.channel.socket.DuplexChannel
import io.netty.handler.codec.http.HttpServerCodec
import io.netty.handler.codec.http.HttpServerExpectContinueHandler
import io.netty.handler.timeout.WriteTimeoutHandler
import io.netty.util.ReferenceCountUtil
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.io.readByteArray
import java.util.concurrent.RejectedExecutionException
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.seconds

/**
 * Takes a connection that Ktor's Netty engine has upgraded out of Ktor's hands.
 *
 * Ktor joins an upgraded channel to two pipes and keeps the call with all that belongs to it until the connection ends.
 * Here Ktor's handlers leave the channel's pipeline, and a [NettySocket] takes their place; the call can then end, and only what the session needs is left. Relied upon, and looked for before anything is changed:
 *
 * - the engine's call is a [NettyApplicationCall], whose `responseWriteJob` ends when the 101 was written;
 * - by then [HttpServerCodec] has left the pipeline, and `RequestBodyHandler` takes what comes in.
 *
 * Relied upon, and held to by a test on the real engine alone, for it cannot be seen beforehand:
 *
 * - that handler, removed, hands the bytes it has to the upgrade's input, and ends it;
 * - what Ktor does to the channel when the upgrade's job has ended is to close it once, from the pipeline's tail.
 */
internal class NettyTakeover(private val call: NettyApplicationCall, private val limits: FrameLimits) {
    private val channel = call.context.channel()
    private val pipeline: ChannelPipeline = channel.pipeline()

    /** Whether the engine has let go of the connection already: there is nothing to take, and nothing wrong with that. */
    val isGone: Boolean get() = !channel.isActive

    /**
     * The socket, or null: then nothing was changed. [input] is what the upgrade was given to read from.
     *
     * What goes wrong after the change closes the connection: Ktor no longer would.
     */
    suspend fun socket(input: ByteReadChannel): NettySocket? {
        call.responseWriteJob.join()
        val early = EarlyBytes()
        var isChanged = false
        try {
            val socket = withContext(LoopOnly(channel.eventLoop())) {
                isChanged = isAsExpected()
                if (isChanged) installed(early) else null
            } ?: return null
            // what came in between the 101 and the change: the frames of a client in a hurry
            val bytes = withTimeout(HAND_OVER) { channelIo { input.readRemaining().readByteArray() } }
            withContext(socket.readerContext) {
                early.release(bytes)
                if ((channel as? DuplexChannel)?.isInputShutdown == true) socket.inputEnded()
                channel.config().isAutoRead = true
            }
            return socket
        } catch (e: Throwable) {
            if (isChanged) channel.close()
            throw e
        }
    }

    private fun isAsExpected(): Boolean =
        pipeline.get(HttpServerCodec::class.java) == null &&
            pipeline.any { (_, handler) -> handler.javaClass.name == "$KTOR.cio.RequestBodyHandler" } &&
            pipeline.none { (_, handler) -> handler.javaClass.name == "$KTOR.http1.NettyHttp1Handler" }

    private fun installed(early: EarlyBytes): NettySocket {
        val socket = NettySocket(NettyLoop.of(channel.eventLoop()), limits)
        channel.config().isAutoRead = false
        // a client that has sent its close frame may end its side, and still gets the answer
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
        channel.config().setRecvByteBufAllocator(readSizes)
        for ((name, handler) in pipeline.toList()) {
            if (handler.isOfHttp()) pipeline.remove(name)
        }
        // behind what the application put there: that sees the bytes, as it does with Ktor's own upgrades
        pipeline.addLast(EARLY, early)
        pipeline.addLast(SOCKET, socket)
        pipeline.addLast(CloseOnce())
        return socket
    }

    /** Handlers that an application put there itself stay. */
    private fun ChannelHandler.isOfHttp(): Boolean =
        javaClass.name.startsWith("$KTOR.") || this is HttpServerExpectContinueHandler || this is WriteTimeoutHandler

    companion object {
        private const val KTOR = "io.ktor.server.netty"
        private const val EARLY = "live-early"

        /** The handler's name in the pipeline. */
        const val SOCKET: String = "live-socket"

        /** How long Ktor may take to hand over what it has read; it has it in memory. */
        private val HAND_OVER = 10.seconds

        /** At most 16 KiB a read: what one read brings waits in memory while a handler is busy. */
        private val readSizes = AdaptiveRecvByteBufAllocator(64, 2_048, 16_384)
    }
}

/** Holds back what the channel reads until [release] has put what was read before it in front. */
private class EarlyBytes : ChannelInboundHandlerAdapter() {
    private lateinit var context: ChannelHandlerContext
    private val held = ArrayDeque<Any>()

    override fun handlerAdded(context: ChannelHandlerContext) {
        this.context = context
    }

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        held += message
    }

    override fun handlerRemoved(context: ChannelHandlerContext) {
        while (true) ReferenceCountUtil.release(held.removeFirstOrNull() ?: break)
    }

    fun release(early: ByteArray) {
        if (context.isRemoved) return
        if (early.isNotEmpty()) context.fireChannelRead(Unpooled.wrappedBuffer(early))
        while (true) context.fireChannelRead(held.removeFirstOrNull() ?: break)
        context.pipeline().remove(this)
    }
}

/** Swallows the one `close` with which Ktor ends an upgrade; the channel is not Ktor's any more. */
private class CloseOnce : ChannelOutboundHandlerAdapter() {
    override fun close(context: ChannelHandlerContext, promise: ChannelPromise) {
        context.pipeline().remove(this)
        promise.trySuccess()
    }
}

/** Runs what has to be on the channel's loop before there is a [NettyLoop] for it. */
private class LoopOnly(private val loop: EventLoop) : CoroutineDispatcher() {
    override fun isDispatchNeeded(context: CoroutineContext): Boolean = !loop.inEventLoop()

    override fun dispatch(context: CoroutineContext, block: Runnable) {
        try {
            loop.execute(block)
        } catch (_: RejectedExecutionException) {
            Dispatchers.Default.dispatch(context, block) // the engine has stopped: to find just that
        }
    }
}
