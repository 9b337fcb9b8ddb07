package dev.live.benchmarks.load.peer

import dev.live.benchmarks.load.server.BLOCK_MILLIS
import dev.live.benchmarks.load.server.NettyLoop
import dev.live.benchmarks.load.server.announce
import io.netty.bootstrap.ServerBootstrap
import io.netty.buffer.ByteBuf
import io.netty.channel.Channel
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInitializer
import io.netty.channel.ChannelOption
import io.netty.channel.SimpleChannelInboundHandler
import io.netty.handler.codec.http.HttpObjectAggregator
import io.netty.handler.codec.http.HttpServerCodec
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler
import java.util.concurrent.Executor

/**
 * The plain protocol on Netty alone: no queues, no bounds, no limits. It shows the upper limit of a server on Netty,
 * and is the baseline for live.
 *
 * It uses one event loop, because the server has one core. It therefore needs no synchronization.
 *
 * @param handlers executes the handler of each echo, one at a time per connection only if its client waits for replies
 */
internal fun runNettyPeer(host: String, port: Int, loop: NettyLoop, delivery: Delivery, handlers: Executor) {
    val group = loop.newGroup(1)
    val rooms = HashMap<String, ArrayList<NettySubscriber>>()
    val pipeline =
        object : ChannelInitializer<Channel>() {
            override fun initChannel(channel: Channel) {
                channel.pipeline().addLast(
                    HttpServerCodec(),
                    HttpObjectAggregator(MAX_REQUEST),
                    WebSocketServerProtocolHandler("/live", null, false, MAX_FRAME),
                    PlainHandler(rooms, delivery, handlers),
                )
            }
        }
    ServerBootstrap()
        .group(group)
        .channel(loop.channel)
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childHandler(pipeline)
        .bind(host, port)
        .sync()
    announce(host, port)
}

/** Handles one connection. Only accessed by the event loop. */
private class PlainHandler(
    private val rooms: HashMap<String, ArrayList<NettySubscriber>>,
    private val delivery: Delivery,
    private val handlers: Executor,
) : SimpleChannelInboundHandler<TextWebSocketFrame>() {
    private lateinit var self: NettySubscriber
    private val joined = ArrayList<String>()

    override fun channelRead0(context: ChannelHandlerContext, frame: TextWebSocketFrame) {
        val content = frame.content()
        val command = content.readByte().toInt().toChar()
        content.skipBytes(1)
        when (command) {
            'S' -> subscribe(context, content.readCharSequence(content.readableBytes(), Charsets.US_ASCII).toString())
            'P' -> publish(content)
            'E' -> reply(context, content) { }
            'B' -> reply(context, content) { Thread.sleep(BLOCK_MILLIS) }
        }
    }

    private fun reply(context: ChannelHandlerContext, content: ByteBuf, handle: () -> Unit) {
        val reply = TextWebSocketFrame(content.retainedSlice())
        handlers.execute {
            handle()
            context.writeAndFlush(reply) // from another thread, this is a task for the event loop
        }
    }

    override fun channelInactive(context: ChannelHandlerContext) {
        for (topic in joined) rooms[topic]?.remove(self)
    }

    private fun subscribe(context: ChannelHandlerContext, topic: String) {
        // a delivery is already a complete frame, so it bypasses all handlers
        if (joined.isEmpty()) self = NettySubscriber(context.pipeline().firstContext())
        rooms.getOrPut(topic) { ArrayList() } += self
        joined += topic
        context.writeAndFlush(TextWebSocketFrame("A $topic"))
    }

    private fun publish(content: ByteBuf) {
        val blank = content.bytesBefore(' '.code.toByte())
        val topic = content.readCharSequence(blank, Charsets.US_ASCII).toString()
        content.skipBytes(1)
        val room = rooms[topic] ?: return
        delivery.deliver(textFrame(content), room)
    }

    /** The complete frame of [payload] with its header, so that all subscribers share one buffer. */
    private fun textFrame(payload: ByteBuf): ByteBuf {
        val size = payload.readableBytes()
        val frame = payload.alloc().directBuffer(size + MAX_HEADER)
        frame.writeByte(FINAL_TEXT)
        if (size < SHORT) frame.writeByte(size) else frame.writeByte(SHORT).writeShort(size)
        return frame.writeBytes(payload)
    }
}

private const val MAX_REQUEST = 8 * 1024
private const val MAX_FRAME = 64 * 1024
private const val MAX_HEADER = 4
private const val FINAL_TEXT = 0x81
private const val SHORT = 126
private const val BACKLOG = 4096
