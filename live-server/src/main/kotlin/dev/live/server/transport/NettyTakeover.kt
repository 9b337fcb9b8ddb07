package dev.live.server.transport

import io.ktor.server.netty.NettyApplicationCall
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.readRemaining
import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelHandler
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ChannelOption
import io.netty.channel.ChannelOutboundHandlerAdapter
import io.netty.channel.ChannelPipeline
import io.netty.channel.ChannelPromise
import io.netty.channel.EventLoop
import io.netty.channel.socket.ChannelInputShutdownEvent
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
 * Takes over a connection that Ktor's Netty engine has upgraded.
 *
 * Ktor connects an upgraded channel to two pipes, and keeps the call and all its objects until the connection ends.
 * This class replaces Ktor's handlers in the channel's pipeline with a [NettySocket]. The call can then end, and only
 * the session's own objects remain. It checks these conditions before it changes the pipeline:
 *
 * - the engine's call is a [NettyApplicationCall], whose `responseWriteJob` ends when the 101 was written;
 * - by then [HttpServerCodec] is removed from the pipeline, and `RequestBodyHandler` receives the input.
 *
 * It also relies on these, which cannot be checked in advance and are only verified by a test on the real engine:
 *
 * - `RequestBodyHandler`, when removed, passes its bytes to the upgrade's input and ends it;
 * - when the upgrade's job has ended, Ktor only closes the channel, once, from the tail of the pipeline.
 */
internal class NettyTakeover(
    private val call: NettyApplicationCall,
    private val limits: FrameLimits,
    private val readers: CoroutineDispatcher?,
) {
    private val channel = call.context.channel()
    private val pipeline: ChannelPipeline = channel.pipeline()

    /** Whether the connection was closed before the takeover, which is not an error. */
    val isConnectionClosed: Boolean get() = !channel.isActive

    /**
     * Returns the socket, or null if nothing was changed. [input] is the input channel of the upgrade.
     *
     * A failure after the change closes the connection, because Ktor no longer does.
     */
    suspend fun socket(input: ByteReadChannel): NettySocket? {
        call.responseWriteJob.join()
        val early = HandoverBuffer()
        var isChanged = false
        try {
            val socket = withContext(EventLoopDispatcher(channel.eventLoop())) {
                isChanged = isSupportedPipeline()
                if (isChanged) install(early) else null
            } ?: return null
            // bytes received between the 101 and the change: frames that the client sent early
            val bytes = withTimeout(HANDOVER_TIMEOUT) { channelIo { input.readRemaining().readByteArray() } }
            withContext(socket.loopContext) {
                early.release(bytes)
                if ((channel as? DuplexChannel)?.isInputShutdown == true) socket.inputEnded()
                socket.startReading()
            }
            return socket
        } catch (e: Throwable) {
            if (isChanged) channel.close()
            throw e
        }
    }

    private fun isSupportedPipeline(): Boolean =
        pipeline.get(HttpServerCodec::class.java) == null &&
            pipeline.any { (_, handler) -> handler.javaClass.name == "$KTOR.cio.RequestBodyHandler" } &&
            pipeline.none { (_, handler) -> handler.javaClass.name == "$KTOR.http1.NettyHttp1Handler" }

    private fun install(early: HandoverBuffer): NettySocket {
        val socket = NettySocket(NettyLoop.of(channel.eventLoop()), limits, readers)
        channel.config().isAutoRead = false
        // a client that has sent its close frame may close its side and still receives the reply
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
        for ((name, handler) in pipeline.toList()) {
            if (handler.isHttpHandler()) pipeline.remove(name)
        }
        // after the application's own handlers, which see the bytes as they do with Ktor's own upgrades
        pipeline.addLast(EARLY, early)
        pipeline.addLast(SOCKET, socket)
        pipeline.addLast(IgnoreFirstClose())
        return socket
    }

    /** Handlers added by the application stay. */
    private fun ChannelHandler.isHttpHandler(): Boolean =
        javaClass.name.startsWith("$KTOR.") || this is HttpServerExpectContinueHandler || this is WriteTimeoutHandler

    companion object {
        private const val KTOR = "io.ktor.server.netty"
        private const val EARLY = "live-early"

        /** The handler's name in the pipeline. */
        const val SOCKET: String = "live-socket"

        /** Time limit for Ktor to hand over the bytes that it has read, which are in memory. */
        private val HANDOVER_TIMEOUT = 10.seconds
    }
}

/**
 * Buffers the channel's input until [release] has passed on the bytes that were read earlier.
 *
 * Also holds back the end of the input: epoll reads up to it although the channel does not read automatically. More
 * than [MAX_OVERRUN_BYTES] before it close the connection.
 */
internal class HandoverBuffer : ChannelInboundHandlerAdapter() {
    private lateinit var context: ChannelHandlerContext
    private val held = ArrayDeque<Any>()
    private var heldBytes = 0

    override fun handlerAdded(context: ChannelHandlerContext) {
        this.context = context
    }

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        held += message
        if (message is ByteBuf) heldBytes += message.readableBytes()
        if (heldBytes > MAX_OVERRUN_BYTES) context.close() // there is no session to close yet
    }

    override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
        // [NettyTakeover] notifies the socket after [release]
        if (event !== ChannelInputShutdownEvent.INSTANCE) context.fireUserEventTriggered(event)
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

/** Ignores the single `close` with which Ktor ends an upgrade; Ktor no longer owns the channel. */
private class IgnoreFirstClose : ChannelOutboundHandlerAdapter() {
    override fun close(context: ChannelHandlerContext, promise: ChannelPromise) {
        context.pipeline().remove(this)
        promise.trySuccess()
    }
}

/** Runs code on the channel's event loop before its [NettyLoop] exists. */
private class EventLoopDispatcher(private val loop: EventLoop) : CoroutineDispatcher() {
    override fun isDispatchNeeded(context: CoroutineContext): Boolean = !loop.inEventLoop()

    override fun dispatch(context: CoroutineContext, block: Runnable) {
        try {
            loop.execute(block)
        } catch (_: RejectedExecutionException) {
            // the engine has stopped; the block then finds the channel closed
            Dispatchers.Default.dispatch(context, block)
        }
    }
}
