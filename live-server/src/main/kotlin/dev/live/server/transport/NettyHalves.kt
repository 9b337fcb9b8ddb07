package dev.live.server.transport

import io.ktor.server.netty.NettyApplicationCall
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ChannelOption
import io.netty.channel.ChannelPipeline
import io.netty.channel.socket.ChannelInputShutdownEvent
import io.netty.channel.socket.DuplexChannel
import io.netty.handler.ssl.SslHandler
import kotlinx.coroutines.delay
import java.util.concurrent.RejectedExecutionException
import kotlin.time.Duration.Companion.milliseconds

/**
 * Ends the two sides of a portable socket's connection separately, where the engine is Netty: by itself, Ktor closes both
 * when the call ends, and Netty closes both when the client ends its own.
 */
internal class NettyHalves(private val call: NettyApplicationCall) {
    private val channel = call.context.channel()

    /** From now on a client that has ended its side can still read, such as the answer to its close frame. */
    suspend fun separate() {
        call.responseWriteJob.join() // what came before the 101 is in the upgrade's input then
        try {
            channel.eventLoop().execute(::separateOnLoop)
        } catch (_: RejectedExecutionException) {
            return // the engine has stopped
        }
    }

    private fun separateOnLoop() {
        if (!channel.isActive || !channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true)) return
        channel.pipeline().addFirst(InputEnd())
        if ((channel as? DuplexChannel)?.isInputShutdown == true) channel.pipeline().endInput()
    }

    /** Ends the server's side of the connection behind all of [output], which is closed. */
    suspend fun endOutput(output: ByteWriteChannel) {
        awaitTaken(output)
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).awaited() // behind what the engine has written
        val channel = channel
        if (channel is DuplexChannel && channel.pipeline().get(SslHandler::class.java) == null) {
            channel.shutdownOutput().awaited()
        } else {
            channel.close().awaited()
        }
    }

    /** Nothing reports that the engine has taken everything. */
    private suspend fun awaitTaken(output: ByteWriteChannel) {
        val source = output as? ByteReadChannel ?: return
        var pause = SHORTEST_PAUSE
        while (!source.isClosedForRead) {
            delay(pause)
            pause = minOf(pause * 2, LONGEST_PAUSE)
        }
    }

    private class InputEnd : ChannelInboundHandlerAdapter() {
        override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
            context.fireUserEventTriggered(event)
            if (event === ChannelInputShutdownEvent.INSTANCE) context.pipeline().endInput()
        }
    }

    private companion object {
        /** Removed, Ktor's handler ends the upgrade's input behind what it has read. */
        fun ChannelPipeline.endInput() {
            val body = find { (_, handler) -> handler.javaClass.name == BODY_HANDLER } ?: return
            remove(body.value)
        }

        const val BODY_HANDLER = "io.ktor.server.netty.cio.RequestBodyHandler"
        val SHORTEST_PAUSE = 1.milliseconds
        val LONGEST_PAUSE = 20.milliseconds
    }
}
