package dev.live.server.transport

import io.netty.buffer.ByteBufUtil
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame
import io.netty.handler.codec.http.websocketx.WebSocketFrame

/**
 * What Netty's decoder made of a client's bytes, as live has it; null for a piece of a message that goes on.
 *
 * @throws SocketViolation if the message is larger than allowed
 */
internal fun Assembler.inbound(frame: WebSocketFrame): Inbound? =
    when (frame) {
        is PingWebSocketFrame -> Inbound.Ping(frame.payload())
        is PongWebSocketFrame -> Inbound.Pong
        is CloseWebSocketFrame -> Inbound.Close(closeCode(frame.payload()))
        else -> {
            checked(frame.content().readableBytes().toLong())
            val isText = frame is TextWebSocketFrame
            check(isText || frame is BinaryWebSocketFrame || isInside) { "unreachable: ${frame.javaClass}" }
            add(frame.payload(), frame.isFinalFragment, isText)
        }
    }

private fun WebSocketFrame.payload(): ByteArray = ByteBufUtil.getBytes(content())
