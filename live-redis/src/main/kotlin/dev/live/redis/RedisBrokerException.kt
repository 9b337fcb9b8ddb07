package dev.live.redis

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException

/** Redis did not confirm a call of the broker. [reason] says why, with the solution if it is known. */
public sealed class RedisBrokerException(code: ErrorCode, reason: String, cause: Throwable?) :
    LiveException(code, reason, cause = cause) {
    /** The call has no effect: the publication is not delivered to anyone, and a retry cannot duplicate it. */
    public class Unavailable internal constructor(
        reason: String,
        cause: Throwable? = null,
        /** Whether it was not sent in time, as opposed to rejected. */
        internal val wasTooLate: Boolean = false,
    ) : RedisBrokerException(ErrorCode.Internal, reason, cause)

    /**
     * The publication was sent, and no answer arrived in time: it may be delivered, now or later, at most once. A retry
     * by the application can duplicate it.
     */
    public class Unknown internal constructor(reason: String, cause: Throwable? = null) :
        RedisBrokerException(ErrorCode.Timeout, reason, cause)
}
