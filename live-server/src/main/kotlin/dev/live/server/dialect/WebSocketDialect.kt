package dev.live.server.dialect

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame

/** The protocol `live.v1` over WebSocket: each message is a frame, encoded by [codec]. */
internal class WebSocketDialect(override val codec: Codec) : Dialect {
    private val opcode = if (codec.isBinary) Opcode.Binary else Opcode.Text

    override fun decode(bytes: ByteArray, isText: Boolean, limits: DecodeLimits): Message {
        if (isText == codec.isBinary) throw wrongFrameType(bytes, limits)
        return codec.decode(bytes, limits)
    }

    override fun encode(event: ServerEvent): OutboundFrame =
        when (event) {
            is ServerEvent.WithMessage -> OutboundFrame(opcode, codec.encode(event.message))
            is ServerEvent.Ping -> PING
            is ServerEvent.Pong -> OutboundFrame(Opcode.Pong, event.payload)
        }

    /** Still decodes the message, because the error needs its `topic` and `ref`. */
    private fun wrongFrameType(bytes: ByteArray, limits: DecodeLimits): MalformedMessageException {
        val (expected, actual) = if (codec.isBinary) "binary" to "text" else "text" to "binary"
        val reason = "${codec.subprotocol} requires $expected frames, was a $actual frame"
        return try {
            val message = codec.decode(bytes, limits)
            MalformedMessageException(reason, topic = message.topic, ref = message.ref)
        } catch (e: MalformedMessageException) {
            MalformedMessageException(reason, topic = e.topic, ref = e.ref)
        }
    }

    private companion object {
        val PING = OutboundFrame(Opcode.Ping, ByteArray(0))
    }
}
