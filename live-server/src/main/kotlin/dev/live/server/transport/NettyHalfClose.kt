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
 * Closes the two sides of a portable connection separately on Netty. Otherwise Ktor closes both when the call ends, and
 * Netty closes both when the client closes its side.
 */
internal class NettyHalfClose(private val call: NettyApplicationCall) {
    private val channel = call.context.channel()

    /** From now on a client that has closed its side can still read, for example the reply to its close frame. */
    suspend fun allowHalfClose() {
        call.responseWriteJob.join() // all bytes before the 101 are then in the upgrade's input
        try {
            channel.eventLoop().execute(::allowHalfCloseOnLoop)
        } catch (_: RejectedExecutionException) {
            return // the engine has stopped
        }
    }

    private fun allowHalfCloseOnLoop() {
        if (!channel.isActive || !channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true)) return
        channel.pipeline().addFirst(InputShutdownHandler())
        if ((channel as? DuplexChannel)?.isInputShutdown == true) channel.pipeline().endInput()
    }

    /** Closes the server's side of the connection after all of [output], which is already closed. */
    suspend fun closeOutput(output: ByteWriteChannel) {
        awaitDrained(output)
        // completes after all bytes that the engine has written
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).awaitCompletion()
        val channel = channel
        if (channel is DuplexChannel && channel.pipeline().get(SslHandler::class.java) == null) {
            channel.shutdownOutput().awaitCompletion()
        } else {
            channel.close().awaitCompletion()
        }
    }

    /** Polls, because there is no notification that the engine has taken all output. */
    private suspend fun awaitDrained(output: ByteWriteChannel) {
        val source = output as? ByteReadChannel ?: return
        var interval = MIN_POLL_INTERVAL
        while (!source.isClosedForRead) {
            delay(interval)
            interval = minOf(interval * 2, MAX_POLL_INTERVAL)
        }
    }

    private class InputShutdownHandler : ChannelInboundHandlerAdapter() {
        override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
            context.fireUserEventTriggered(event)
            if (event === ChannelInputShutdownEvent.INSTANCE) context.pipeline().endInput()
        }
    }

    private companion object {
        /** Removing Ktor's handler ends the upgrade's input after the bytes already read. */
        fun ChannelPipeline.endInput() {
            val body = find { (_, handler) -> handler.javaClass.name == BODY_HANDLER } ?: return
            remove(body.value)
        }

        const val BODY_HANDLER = "io.ktor.server.netty.cio.RequestBodyHandler"
        val MIN_POLL_INTERVAL = 1.milliseconds
        val MAX_POLL_INTERVAL = 20.milliseconds
    }
}
