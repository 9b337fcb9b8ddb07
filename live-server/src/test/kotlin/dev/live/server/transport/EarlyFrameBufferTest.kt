package dev.live.server.transport

import dev.live.server.support.clientFrame
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.netty.buffer.Unpooled
import io.netty.channel.embedded.EmbeddedChannel
import io.netty.handler.codec.http.HttpServerCodec

class EarlyFrameBufferTest : FunSpec({

    test("a maximum-size message in one write with the upgrade request is buffered, and the connection stays open") {
        val codec = HttpServerCodec()
        val channel = EmbeddedChannel(EarlyFrameBuffer(codec), codec)
        val request = "GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

        channel.writeInbound(Unpooled.wrappedBuffer(request.toByteArray() + clientFrame(1, ByteArray(64 * 1024))))

        channel.isOpen shouldBe true
        channel.finishAndReleaseAll()
    }
})
