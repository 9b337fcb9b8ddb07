package dev.live.netty

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.netty.bootstrap.ServerBootstrap
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ChannelInitializer
import io.netty.channel.ChannelOption
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.channel.epoll.Epoll
import io.netty.channel.epoll.EpollServerSocketChannel
import io.netty.channel.socket.ChannelInputShutdownEvent
import io.netty.channel.socket.SocketChannel
import java.net.InetSocketAddress
import java.net.Socket
import java.util.concurrent.TimeUnit

class EpollHandlerTest : FunSpec({

    test("a client that has closed its side receives a response that fills its socket")
        .config(enabled = Epoll.isAvailable()) {
            val group = MultiThreadIoEventLoopGroup(1, EpollHandler.newFactory())
            val server = ServerBootstrap().group(group).channel(EpollServerSocketChannel::class.java)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childHandler(ResponseAtTheEnd)
                .bind("127.0.0.1", 0).sync().channel()

            val received = Socket("127.0.0.1", (server.localAddress() as InetSocketAddress).port).use { client ->
                client.shutdownOutput()
                client.getInputStream().readAllBytes().size
            }

            received shouldBe RESPONSE
            group.shutdownGracefully(0, 0, TimeUnit.SECONDS).sync()
        }
})

private const val RESPONSE = 32 * 1024 * 1024

private object ResponseAtTheEnd : ChannelInitializer<SocketChannel>() {
    override fun initChannel(channel: SocketChannel) {
        channel.pipeline().addLast(object : ChannelInboundHandlerAdapter() {
            override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
                if (event === ChannelInputShutdownEvent.INSTANCE) context.executor().execute { respond(context) }
            }
        })
    }

    /** Netty has removed the channel from epoll by then: it neither reads nor waits for the end of the input. */
    private fun respond(context: ChannelHandlerContext) {
        context.read()
        context.writeAndFlush(Unpooled.wrappedBuffer(ByteArray(RESPONSE))).addListener { context.close() }
    }
}
