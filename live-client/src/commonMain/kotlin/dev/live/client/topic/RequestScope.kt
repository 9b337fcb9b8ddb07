package dev.live.client.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message

/**
 * What a handler of the server's requests has at hand.
 *
 * @property message the request as it came
 */
public class RequestScope internal constructor(public val message: Message) {
    /**
     * Refuses the request: the server gets an `error` with [code] and [reason].
     *
     * @param reason one short sentence for the server's developer or user; no secrets
     */
    public fun reject(
        reason: String,
        code: ErrorCode = ErrorCode.BadPayload,
    ): Nothing = throw LiveException(code, reason)
}
