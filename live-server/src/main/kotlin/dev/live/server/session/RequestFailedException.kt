package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import kotlin.time.Duration

/**
 * A client that was asked something by [Session.request] did not reply with what was asked for.
 *
 * The code is the client's where it refused; [ErrorCode.BadPayload] for a reply that does not fit its type,
 * [ErrorCode.Timeout] for none in time, [ErrorCode.RateLimited] where too many requests of the session wait for one,
 * and `connection_lost`, which is never on the wire, where the session ended first.
 *
 * A handler that lets it through answers its own client with `internal`: what another client said is not its answer.
 */
public class RequestFailedException internal constructor(
    code: ErrorCode,
    reason: String,
    retryAfter: Duration? = null,
    cause: Throwable? = null,
) : LiveException(code, reason, retryAfter, cause)
