package dev.live.server.dialect

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.Message
import dev.live.server.frame.OutboundFrame

/**
 * The wire format of a session: decodes the messages of its client, and encodes events to the bytes that its socket
 * writes. Stateless and thread-safe, so that all sessions of a dialect share one encoding of an event.
 */
internal interface Dialect {
    /** The codec of the messages in this format. */
    val codec: Codec

    /**
     * Decodes the message in [bytes].
     *
     * @param isText whether it arrived in a text frame
     * @throws dev.live.protocol.MalformedMessageException if it cannot be decoded, or has the wrong type of frame
     */
    fun decode(bytes: ByteArray, isText: Boolean, limits: DecodeLimits): Message

    /** Encodes [event] as a frame that sockets write unchanged. */
    fun encode(event: ServerEvent): OutboundFrame
}
