package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import kotlin.time.Duration

/**
 * The client did not reply to a [Session.request], or replied with an error or a malformed payload.
 *
 * The code is the client's own if it rejected the request. Otherwise it is:
 * - [ErrorCode.BadPayload] if the reply does not match its type;
 * - [ErrorCode.Timeout] if no reply arrived in time;
 * - [ErrorCode.RateLimited] if 256 requests of the session already wait for a reply;
 * - `connection_lost`, which is never sent on the wire, if the session ended first;
 * - [ErrorCode.Internal] if the client sent a malformed error.
 *
 * If a handler does not catch it, the handler's own client receives `internal`: another client's error is not
 * forwarded.
 */
public class RequestFailedException internal constructor(
    code: ErrorCode,
    reason: String,
    retryAfter: Duration? = null,
    cause: Throwable? = null,
) : LiveException(code, reason, retryAfter, cause)
