package dev.live.server.dispatch

import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.protocol.toMessage

/**
 * The `error` message for the client. It omits refs with the server's prefix, because a client would treat such a
 * message as a request.
 */
internal fun MalformedMessageException.toErrorMessage(): Message =
    toMessage(topic, ref.takeUnless { it.startsWith(RefPrefix.SERVER) }.orEmpty())
