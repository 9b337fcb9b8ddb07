package dev.live.server.transport

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.embedded.EmbeddedChannel
import io.netty.channel.socket.ChannelInputShutdownEvent

class HandoverBufferTest : FunSpec({

    test("the end of the input does not pass the bytes before it") {
        val seen = mutableListOf<String>()
        val buffer = HandoverBuffer()
        val channel = EmbeddedChannel(buffer, Recorder(seen))

        channel.pipeline().fireChannelRead(Unpooled.wrappedBuffer("last".toByteArray()))
        channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE)
        seen.shouldBeEmpty()
        buffer.release("early".toByteArray())

        seen shouldBe listOf("early", "last")
    }

    test("a client that sends too much before the handover loses its connection, and no bytes stay in memory") {
        val channel = EmbeddedChannel(HandoverBuffer())
        val chunks = List(17) { Unpooled.buffer().writeZero(MAX_OVERRUN_BYTES / 16) }

        chunks.take(16).forEach { channel.pipeline().fireChannelRead(it) }
        channel.isOpen shouldBe true
        channel.pipeline().fireChannelRead(chunks.last())

        channel.isOpen shouldBe false
        channel.runPendingTasks()
        chunks.map { it.refCnt() }.distinct() shouldBe listOf(0)
    }
})

private class Recorder(private val seen: MutableList<String>) : ChannelInboundHandlerAdapter() {
    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        val bytes = message as ByteBuf
        seen += bytes.toString(Charsets.UTF_8)
        bytes.release()
    }

    override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
        seen += event.javaClass.simpleName
    }
}
