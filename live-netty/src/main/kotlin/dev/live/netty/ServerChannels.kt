package dev.live.netty

import io.netty.channel.ChannelFactory
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ReflectiveChannelFactory
import io.netty.channel.socket.ServerSocketChannel

/**
 * Creates the channels that accept connections, and calls [onFailure] if one of them cannot listen, for example because
 * its port is taken.
 *
 * Ktor's engine fails to start then, and ends the loops that accept connections, but not the workers.
 */
internal class ServerChannels(type: Class<out ServerSocketChannel>, private val onFailure: () -> Unit) :
    ChannelFactory<ServerSocketChannel> {
    private val channels = ReflectiveChannelFactory(type)

    override fun newChannel(): ServerSocketChannel {
        val channel =
            try {
                channels.newChannel()
            } catch (e: Throwable) {
                onFailure() // such as too many open files
                throw e
            }
        val listening = Listening()
        channel.pipeline().addLast(listening)
        channel.closeFuture().addListener { if (!listening.hasStarted) onFailure() }
        return channel
    }

    private class Listening : ChannelInboundHandlerAdapter() {
        /** Only accessed by the channel's loop. */
        var hasStarted = false

        override fun channelActive(context: ChannelHandlerContext) {
            hasStarted = true
            context.fireChannelActive()
        }
    }
}
