package dev.live.server.transport

import io.ktor.server.application.Application
import io.ktor.server.netty.NettyApplicationCall
import io.ktor.server.netty.NettyApplicationEngine
import io.netty.buffer.ByteBuf
import io.netty.channel.Channel
import io.netty.channel.ChannelDuplexHandler
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelOption
import io.netty.channel.ChannelPipeline
import io.netty.channel.ChannelPromise
import io.netty.channel.socket.DuplexChannel
import io.netty.handler.codec.http.HttpServerCodec
import io.netty.util.AttributeKey
import io.netty.util.ReferenceCountUtil
import java.io.ByteArrayOutputStream
import java.util.concurrent.TimeUnit

/**
 * Buffers frames that a client sends before it receives the response to its upgrade, until the upgrade has completed.
 *
 * Netty's HTTP codec would parse them as the next request and skip some of their bytes. This handler is placed before
 * the codec. It parses the head of the first request on a connection, and removes itself if that is not a WebSocket
 * upgrade. Otherwise it buffers all bytes after the head until the response is written. After a 101 they go to the
 * handler that replaced the codec; after any other response they go to the codec.
 *
 * From the head on, half-close is allowed: a client may close its side before it receives the 101. After the 101 it
 * stays allowed only if [expectHalfClose] was called. The application's own WebSockets use Ktor's handlers, which do
 * not handle a half-close; their connection is closed then, as without live.
 *
 * A connection that carried an earlier request is not buffered: clients open a new one for a WebSocket, and proxies
 * wait for the 101.
 */
internal class EarlyFrameBuffer(private val codec: HttpServerCodec) : ChannelDuplexHandler() {
    private var state = State.Head
    private val head = ByteArrayOutputStream(HEAD_SIZE)

    /** Number of characters in the last line of [head]. */
    private var lineSize = 0
    private val held = ArrayDeque<Any>()
    private var heldBytes = 0

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        when {
            isUpgraded(context) -> removeSelf(context, message)
            state != State.Head -> hold(context, message)
            message is ByteBuf -> readHead(context, message)
            else -> removeSelf(context, message)
        }
    }

    private fun hold(context: ChannelHandlerContext, message: Any) {
        held += message
        if (message is ByteBuf) heldBytes += message.readableBytes()
        if (heldBytes > MAX_HELD_BYTES) context.close() // a client that sends this much does not wait for the response
    }

    private fun readHead(context: ChannelHandlerContext, bytes: ByteBuf) {
        val start = bytes.readerIndex()
        for (i in start until bytes.writerIndex()) {
            val byte = bytes.getByte(i).toInt()
            head.write(byte)
            val isOther = head.size() == 1 && byte != 'G'.code
            if (isOther || head.size() > MAX_HEAD) return removeSelf(context, bytes)
            when (byte) {
                '\n'.code -> {
                    if (lineSize == 0) return split(context, bytes, i + 1)
                    lineSize = 0
                }
                '\r'.code -> Unit
                else -> lineSize++
            }
        }
        context.fireChannelRead(bytes)
    }

    /** Forwards the request head, which ends before index [end] of [bytes], and buffers the rest. */
    private fun split(context: ChannelHandlerContext, bytes: ByteBuf, end: Int) {
        val isUpgrade = isUpgrade(head.toString(Charsets.ISO_8859_1))
        head.reset()
        if (!isUpgrade) return removeSelf(context, bytes)
        state = State.Held
        context.channel().config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
        if (end == bytes.writerIndex()) {
            context.fireChannelRead(bytes)
            return
        }
        val requestSize = end - bytes.readerIndex()
        val request = bytes.readRetainedSlice(requestSize)
        hold(context, bytes)
        context.fireChannelRead(request)
    }

    override fun write(context: ChannelHandlerContext, message: Any, promise: ChannelPromise) {
        val status = if (message is ByteBuf && state == State.Held) message.status() else null
        context.write(message, promise)
        when {
            status == null -> return
            status == SWITCHING -> state = State.Upgrading
            // rejected; deferred, because the codec is in the middle of a write
            status > INTERIM -> context.executor().execute { upgradeRejected(context) }
        }
    }

    private fun upgradeRejected(context: ChannelHandlerContext) {
        val channel = context.channel()
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false)
        val isInputEnded = channel is DuplexChannel && channel.isInputShutdown
        if (isInputEnded) context.executor().schedule(channel::close, LINGER_SECONDS, TimeUnit.SECONDS)
        if (!context.isRemoved) removeSelf(context)
    }

    /** Ktor flushes the 101 after it has replaced the codec with a frame handler. */
    override fun flush(context: ChannelHandlerContext) {
        context.flush()
        if (isUpgraded(context)) removeSelf(context)
    }

    private fun isUpgraded(context: ChannelHandlerContext) =
        state == State.Upgrading && context.pipeline().context(codec) == null

    override fun handlerRemoved(context: ChannelHandlerContext) {
        while (true) ReferenceCountUtil.release(held.removeFirstOrNull() ?: break)
    }

    private fun removeSelf(context: ChannelHandlerContext, message: Any? = null) {
        if (message != null) held += message
        val hadMessages = held.isNotEmpty()
        while (true) context.fireChannelRead(held.removeFirstOrNull() ?: break)
        if (hadMessages && message == null) context.fireChannelReadComplete()
        if (state == State.Upgrading) upgradeCompleted(context.channel())
        if (!context.isRemoved) context.pipeline().remove(this)
    }

    private fun upgradeCompleted(channel: Channel) {
        if (channel.attr(ALLOWS_HALF_CLOSE).get() == true) return
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false)
        if (channel is DuplexChannel && channel.isInputShutdown) channel.close()
    }

    private enum class State { Head, Held, Upgrading }

    companion object {
        private const val NAME = "live-early-frames"
        private val ALLOWS_HALF_CLOSE = AttributeKey.valueOf<Boolean>("live-allows-half-close")
        private const val HEAD_SIZE = 512

        /** Netty's codec rejects a longer head. */
        private const val MAX_HEAD = 32 * 1024

        /**
         * The most that Ktor's engine reads before the upgrade: one read per request, for which Netty's loop takes up
         * to 16 chunks of 64 KiB. The largest message within the default limits fits.
         */
        private const val MAX_HELD_BYTES = 1024 * 1024

        /** How long a client that has closed its side can still read the response that rejects its upgrade. */
        private const val LINGER_SECONDS = 5L
        private const val SWITCHING = 101
        private const val INTERIM = 199

        /** Allows half-close after the upgrade of [call], which live is about to accept. */
        fun expectHalfClose(call: NettyApplicationCall) {
            call.context.channel().attr(ALLOWS_HALF_CLOSE).set(true)
        }

        /**
         * Adds the buffer to the connections of [application], if its engine is Ktor's Netty. Called before the engine
         * starts.
         */
        fun install(application: Application) {
            val engine = application.engine as? NettyApplicationEngine ?: return
            val configured = engine.configuration.channelPipelineConfig
            engine.configuration.channelPipelineConfig = {
                configured()
                addEarlyFrameBuffer()
            }
        }

        private fun ChannelPipeline.addEarlyFrameBuffer() {
            val codec = context(HttpServerCodec::class.java) ?: return
            if (get(NAME) == null) addBefore(codec.name(), NAME, EarlyFrameBuffer(codec.handler() as HttpServerCodec))
        }

        /** Whether [head] requests a WebSocket upgrade and declares no body. */
        private fun isUpgrade(head: String): Boolean {
            val lines = head.lineSequence()
            val hasBody =
                lines.any {
                    it.startsWith("content-length:", ignoreCase = true) ||
                        it.startsWith("transfer-encoding:", ignoreCase = true)
                }
            return !hasBody &&
                head.startsWith("GET ") &&
                lines.any {
                    it.startsWith("upgrade:", ignoreCase = true) && it.contains("websocket", ignoreCase = true)
                }
        }

        /** The status code in a response head. */
        private fun ByteBuf.status(): Int? {
            val start = readerIndex() + "HTTP/1.1 ".length
            if (readableBytes() < "HTTP/1.1 200".length) return null
            return (start until start + 3).fold(0) { status, i -> status * 10 + (getByte(i) - '0'.code.toByte()) }
        }
    }
}
