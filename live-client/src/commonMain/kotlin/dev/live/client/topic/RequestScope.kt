package dev.live.client.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message

/**
 * Receiver of a handler of server requests; see `LiveClient.onRequest`.
 *
 * @property message the request as received
 */
public class RequestScope internal constructor(public val message: Message) {
    /**
     * Rejects the request: the server receives an `error` with [code] and [reason].
     *
     * @param reason one short sentence for the server's developer or user; no secrets
     */
    public fun reject(
        reason: String,
        code: ErrorCode = ErrorCode.BadPayload,
    ): Nothing = throw LiveException(code, reason)
}
