package dev.live.server.endpoint

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.protocol.toMessage
import dev.live.server.transport.Inbound

/**
 * The message in [data].
 *
 * @throws MalformedMessageException if it is none, or came in the other kind of frame
 */
internal fun Codec.decode(data: Inbound.Data, limits: DecodeLimits): Message {
    if (data.isText == isBinary) throw inTheOtherKindOfFrame(data, limits)
    return decode(data.bytes, limits)
}

/** Reads the message all the same, for its `topic` and `ref`. */
private fun Codec.inTheOtherKindOfFrame(data: Inbound.Data, limits: DecodeLimits): MalformedMessageException {
    val (wanted, found) = if (isBinary) "binary" to "text" else "text" to "binary"
    val reason = "$subprotocol takes $wanted frames, was a $found frame"
    return try {
        val message = decode(data.bytes, limits)
        MalformedMessageException(reason, topic = message.topic, ref = message.ref)
    } catch (e: MalformedMessageException) {
        MalformedMessageException(reason, topic = e.topic, ref = e.ref)
    }
}

/**
 * The `error` that answers the message that was refused.
 *
 * Without a ref of the server's own: a client takes a message that carries one for a request.
 */
internal fun MalformedMessageException.answer(): Message =
    toMessage(topic, ref.takeUnless { it.startsWith(RefPrefix.SERVER) }.orEmpty())
