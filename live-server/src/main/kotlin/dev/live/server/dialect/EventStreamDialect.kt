package dev.live.server.dialect

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame

/**
 * Server-sent events: each message is the data of an unnamed event, encoded by [codec], which is a JSON codec.
 *
 * @param hasIds whether events have their position as id, which a client sends back when it reconnects. False for all
 *   events but those of the topic in the client's request, because a client stores only one id
 */
internal class EventStreamDialect(override val codec: Codec, private val hasIds: Boolean) : Dialect {
    override fun decode(bytes: ByteArray, isText: Boolean, limits: DecodeLimits): Message = codec.decode(bytes, limits)

    override fun encode(event: ServerEvent): OutboundFrame =
        when (event) {
            is ServerEvent.WithMessage -> {
                val text = EventText.event(if (hasIds) positionOf(event) else null, codec.encode(event.message))
                OutboundFrame.unframed(Opcode.Text, text, event.message.takeIf(::isSubscribeReply))
            }
            is ServerEvent.Ping -> COMMENT
            is ServerEvent.Pong -> NOTHING
        }

    private fun positionOf(event: ServerEvent.WithMessage): Position? =
        when (event) {
            is ServerEvent.Published -> event.position
            is ServerEvent.Subscribed -> event.position
            is ServerEvent.Sent -> null
        }

    private fun isSubscribeReply(message: Message): Boolean =
        when (message.type) {
            MessageType.ACK -> message.ref == SUBSCRIBE_REF
            MessageType.ERROR -> message.ref == SUBSCRIBE_REF || message.ref.isEmpty()
            else -> false
        }

    companion object {
        /**
         * The ref of the `subscribe` that a request for events is converted to. Differs from all refs of clients,
         * because an interceptor of the application may read refs.
         */
        const val SUBSCRIBE_REF: String = "~sse"

        /** Keeps proxies from closing the connection. Fails to be written if the connection is lost. */
        private val COMMENT = OutboundFrame.unframed(Opcode.Ping, EventText.COMMENT)

        /** The client did not send the ping. The frame only notifies the socket. */
        private val NOTHING = OutboundFrame.unframed(Opcode.Pong, ByteArray(0))
    }
}
