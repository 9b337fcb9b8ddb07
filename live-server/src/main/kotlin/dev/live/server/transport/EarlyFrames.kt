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
 * Holds back the frames of a client that does not wait for the answer to its upgrade, until the connection is upgraded.
 *
 * Netty's HTTP codec would take them for the next request, and skip some of their bytes. This handler stands in front of
 * the codec. It reads the head of the first request on a connection: if that is no WebSocket upgrade, the handler leaves
 * the pipeline at once. Otherwise everything behind the head waits here until the response has been written: behind a
 * 101 it goes to whatever took the codec's place, and behind any other response to the codec. From the head on, a client
 * may end its side of the connection without ending the other: that too may come before the 101. Behind the 101 this is
 * so for [expectHalves] alone. A WebSocket of the application's own is Ktor's, whose handlers do not hear of such an end:
 * the connection is closed then, as it is without live.
 *
 * A connection that carried other requests before is not watched: clients open one for a WebSocket, and proxies wait for
 * the 101.
 */
internal class EarlyFrames(private val codec: HttpServerCodec) : ChannelDuplexHandler() {
    private var state = State.Head
    private val head = ByteArrayOutputStream(HEAD_SIZE)

    /** Characters in the last line of [head]. */
    private var lineSize = 0
    private val held = ArrayDeque<Any>()
    private var heldBytes = 0

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        when {
            isUpgraded(context) -> leave(context, message)
            state != State.Head -> hold(context, message)
            message is ByteBuf -> headRead(context, message)
            else -> leave(context, message)
        }
    }

    private fun hold(context: ChannelHandlerContext, message: Any) {
        held += message
        if (message is ByteBuf) heldBytes += message.readableBytes()
        if (heldBytes > MAX_HELD) context.close() // a client that sends as much waits for nothing
    }

    private fun headRead(context: ChannelHandlerContext, bytes: ByteBuf) {
        val start = bytes.readerIndex()
        for (i in start until bytes.writerIndex()) {
            val byte = bytes.getByte(i).toInt()
            head.write(byte)
            val isOther = head.size() == 1 && byte != 'G'.code
            if (isOther || head.size() > MAX_HEAD) return leave(context, bytes)
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

    /** The head ends before [end] in [bytes]. */
    private fun split(context: ChannelHandlerContext, bytes: ByteBuf, end: Int) {
        val isUpgrade = isUpgrade(head.toString(Charsets.ISO_8859_1))
        head.reset()
        if (!isUpgrade) return leave(context, bytes)
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
            // refused; later, as the codec is in the middle of a write
            status > INTERIM -> context.executor().execute { refused(context) }
        }
    }

    private fun refused(context: ChannelHandlerContext) {
        val channel = context.channel()
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false)
        val isLeft = channel is DuplexChannel && channel.isInputShutdown
        if (isLeft) context.executor().schedule(channel::close, LINGER_SECONDS, TimeUnit.SECONDS)
        if (!context.isRemoved) leave(context)
    }

    /** Ktor flushes the 101 when it has put what reads frames in the codec's place. */
    override fun flush(context: ChannelHandlerContext) {
        context.flush()
        if (isUpgraded(context)) leave(context)
    }

    private fun isUpgraded(context: ChannelHandlerContext) =
        state == State.Upgrading && context.pipeline().context(codec) == null

    override fun handlerRemoved(context: ChannelHandlerContext) {
        while (true) ReferenceCountUtil.release(held.removeFirstOrNull() ?: break)
    }

    private fun leave(context: ChannelHandlerContext, message: Any? = null) {
        if (message != null) held += message
        val hadAny = held.isNotEmpty()
        while (true) context.fireChannelRead(held.removeFirstOrNull() ?: break)
        if (hadAny && message == null) context.fireChannelReadComplete()
        if (state == State.Upgrading) upgraded(context.channel())
        if (!context.isRemoved) context.pipeline().remove(this)
    }

    private fun upgraded(channel: Channel) {
        if (channel.attr(HAS_HALVES).get() == true) return
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false)
        if (channel is DuplexChannel && channel.isInputShutdown) channel.close()
    }

    private enum class State { Head, Held, Upgrading }

    companion object {
        private const val NAME = "live-early-frames"
        private val HAS_HALVES = AttributeKey.valueOf<Boolean>("live-has-halves")
        private const val HEAD_SIZE = 512

        /** A longer head is refused by Netty's codec. */
        private const val MAX_HEAD = 32 * 1024

        /**
         * What Ktor's engine lets in before the upgrade: it reads once for each request, and Netty's loop then takes up to
         * 16 pieces of 64 KiB. The largest message that the default limits allow fits.
         */
        private const val MAX_HELD = 1024 * 1024

        /** How long a client that has ended its side can read why its upgrade was refused. */
        private const val LINGER_SECONDS = 5L
        private const val SWITCHING = 101
        private const val INTERIM = 199

        /** [call] is about to be answered with an upgrade of live's, whose client may end its side of the connection. */
        fun expectHalves(call: NettyApplicationCall) {
            call.context.channel().attr(HAS_HALVES).set(true)
        }

        /** Watches the connections of [application], if its engine is Ktor's Netty. Called before the engine starts. */
        fun watch(application: Application) {
            val engine = application.engine as? NettyApplicationEngine ?: return
            val configured = engine.configuration.channelPipelineConfig
            engine.configuration.channelPipelineConfig = {
                configured()
                addEarlyFrames()
            }
        }

        private fun ChannelPipeline.addEarlyFrames() {
            val codec = context(HttpServerCodec::class.java) ?: return
            if (get(NAME) == null) addBefore(codec.name(), NAME, EarlyFrames(codec.handler() as HttpServerCodec))
        }

        /** Whether [head] asks for an upgrade to WebSocket, and announces no body. */
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

        /** The status in the head of a response. */
        private fun ByteBuf.status(): Int? {
            val start = readerIndex() + "HTTP/1.1 ".length
            if (readableBytes() < "HTTP/1.1 200".length) return null
            return (start until start + 3).fold(0) { status, i -> status * 10 + (getByte(i) - '0'.code.toByte()) }
        }
    }
}
