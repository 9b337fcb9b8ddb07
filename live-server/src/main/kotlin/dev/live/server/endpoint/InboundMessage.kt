package dev.live.server.endpoint

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.server.transport.Inbound

/**
 * The message in [data].
 *
 * @throws MalformedMessageException if it is none, or came in the other kind of frame
 */
internal fun Codec.decode(data: Inbound.Data, limits: DecodeLimits): Message {
    if (data.isText == isBinary) {
        throw MalformedMessageException("$subprotocol takes ${if (isBinary) "binary" else "text"} frames")
    }
    return decode(data.bytes, limits)
}
