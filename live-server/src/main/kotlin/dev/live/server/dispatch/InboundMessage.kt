package dev.live.server.dispatch

import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.protocol.toMessage
import dev.live.server.transport.Inbound

/**
 * Decodes the message in [data].
 *
 * @throws MalformedMessageException if it cannot be decoded, or the frame type (text or binary) does not match the
 *   codec
 */
internal fun Codec.decode(data: Inbound.Data, limits: DecodeLimits): Message {
    if (data.isText == isBinary) throw wrongFrameType(data, limits)
    return decode(data.bytes, limits)
}

/** Still decodes the message, because the error needs its `topic` and `ref`. */
private fun Codec.wrongFrameType(data: Inbound.Data, limits: DecodeLimits): MalformedMessageException {
    val (expected, actual) = if (isBinary) "binary" to "text" else "text" to "binary"
    val reason = "$subprotocol requires $expected frames, was a $actual frame"
    return try {
        val message = decode(data.bytes, limits)
        MalformedMessageException(reason, topic = message.topic, ref = message.ref)
    } catch (e: MalformedMessageException) {
        MalformedMessageException(reason, topic = e.topic, ref = e.ref)
    }
}

/**
 * The `error` message for the client. It omits refs with the server's prefix, because a client would treat such a
 * message as a request.
 */
internal fun MalformedMessageException.toErrorMessage(): Message =
    toMessage(topic, ref.takeUnless { it.startsWith(RefPrefix.SERVER) }.orEmpty())
