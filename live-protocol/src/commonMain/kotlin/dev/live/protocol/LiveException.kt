package dev.live.protocol

import kotlin.jvm.JvmOverloads
import kotlin.time.Duration

/**
 * A request was refused, with a code of the protocol.
 *
 * @property code what kind of refusal
 * @property reason one short sentence for a person; it reaches clients, so no secrets and no payloads
 * @property retryAfter how long to wait before trying again, where waiting helps
 */
public open class LiveException(
    public val code: ErrorCode,
    public val reason: String,
    public val retryAfter: Duration? = null,
    cause: Throwable? = null,
) : Exception("${code.wire}: $reason", cause)

/**
 * Bytes or text are not a message or a JSON payload; [reason] says what was wrong with them.
 *
 * @property topic of the message, for the answer; empty if it cannot be read or the message has none
 * @property ref of the message, as [topic]
 */
public class MalformedMessageException
    @JvmOverloads
    constructor(
        reason: String,
        cause: Throwable? = null,
        public val topic: String = "",
        public val ref: String = "",
    ) : LiveException(ErrorCode.BadMessage, reason, cause = cause)

/** A payload is not what its type says; [reason] names the field. */
public class BadPayloadException(reason: String, cause: Throwable? = null) :
    LiveException(ErrorCode.BadPayload, reason, cause = cause)
