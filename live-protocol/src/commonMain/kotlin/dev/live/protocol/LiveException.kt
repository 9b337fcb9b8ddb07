package dev.live.protocol

import kotlin.jvm.JvmOverloads
import kotlin.time.Duration

/**
 * A request failed with an error code of the protocol.
 *
 * @property code the error code
 * @property reason a short human-readable sentence. It is sent to clients: no secrets and no payloads
 * @property retryAfter the delay before a retry; null if the error specifies no delay. See [ErrorCode.isWorthRetrying]
 */
public open class LiveException(
    public val code: ErrorCode,
    public val reason: String,
    public val retryAfter: Duration? = null,
    cause: Throwable? = null,
) : Exception("${code.wire}: $reason", cause)

/**
 * The input is not a valid message or JSON payload; [reason] describes the error.
 *
 * @property topic the topic of the message, for the `error` message; empty if it is unreadable or absent
 * @property ref the ref of the message, for the `error` message; empty if it is unreadable or absent
 */
public class MalformedMessageException
    @JvmOverloads
    constructor(
        reason: String,
        cause: Throwable? = null,
        public val topic: String = "",
        public val ref: String = "",
    ) : LiveException(ErrorCode.BadMessage, reason, cause = cause)

/** A payload does not match its declared type; [reason] names the field. */
public class BadPayloadException(reason: String, cause: Throwable? = null) :
    LiveException(ErrorCode.BadPayload, reason, cause = cause)
