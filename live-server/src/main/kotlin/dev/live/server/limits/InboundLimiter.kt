package dev.live.server.limits

/**
 * Enforces the rate limits of one session. Counters are created on first use, so an idle session has none.
 *
 * Only accessed by the session's reader.
 */
internal class InboundLimiter(private val limits: LimitSettings) {
    private var messages: RateLimiter? = null
    private var bytes: RateLimiter? = null
    private var subscribes: RateLimiter? = null
    private var badMessages: BadMessageCounter? = null
    private var userPenalty: PenaltyBucket? = null

    /**
     * The rate limiter shared by all sessions of the user; null without a limit. Set before the first message is read.
     */
    var user: UserRate? = null

    /** Checks a message of [size] bytes, zero for a ping or a pong. Returns the rejection if a limit is exceeded. */
    fun admit(now: Long, size: Int): RateRejection? = admitMessage(now) ?: admitBytes(now, size) ?: admitOfUser(now)

    /** Checks a `subscribe` of [size] bytes, which does not also count as a message. */
    fun admitSubscribe(now: Long, size: Int): RateRejection? = admitSubscribe(now) ?: admitBytes(now, size)

    private fun admitSubscribe(now: Long): RateRejection? {
        if (limits.subscribes.isUnlimited) return null
        val limiter = subscribes ?: RateLimiter(limits.subscribes, now).also { subscribes = it }
        return limiter.admit(now, amount = 1, "subscribes")
    }

    /** Counts a message that cannot be decoded; true if the limit is now exceeded. */
    fun countBadMessage(now: Long): Boolean {
        val counter =
            badMessages ?: BadMessageCounter(limits.maxBadMessages, BAD_MESSAGE_WINDOW_MILLIS).also { badMessages = it }
        return counter.count(now)
    }

    private fun admitMessage(now: Long): RateRejection? {
        if (limits.messages.isUnlimited) return null
        val limiter = messages ?: RateLimiter(limits.messages, now).also { messages = it }
        return limiter.admit(now, amount = 1, "messages")
    }

    private fun admitBytes(now: Long, size: Int): RateRejection? {
        if (size == 0 || limits.bytes.isUnlimited) return null
        val limiter = bytes ?: RateLimiter(limits.bytes, now).also { bytes = it }
        return limiter.admit(now, size, "bytes")
    }

    /**
     * The rate is shared by the user's sessions, but the penalty counts per session: only the flooding session is
     * closed.
     */
    private fun admitOfUser(now: Long): RateRejection? {
        val wait = user?.take(now) ?: return null
        if (wait == 0L) return null
        val penalty = userPenalty ?: PenaltyBucket(limits.userMessages, now).also { userPenalty = it }
        penalty.add(now, amount = 1)
        val rate = limits.userMessages.perSecond
        val reason = "rate limit exceeded: at most $rate messages per second across all sessions of a user"
        return RateRejection(reason, wait, penalty.isFull)
    }

    private fun RateLimiter.admit(now: Long, amount: Int, unit: String): RateRejection? {
        val wait = take(now, amount)
        if (wait == 0L) return null
        return RateRejection("rate limit exceeded: at most ${rate.perSecond} $unit per second", wait, isExhausted)
    }

    private companion object {
        const val BAD_MESSAGE_WINDOW_MILLIS = 60_000L
    }
}

/**
 * The rejection of a message that exceeded a rate limit.
 *
 * @property retryAfterMillis time until the message would be accepted
 * @property closesSession whether the client has exceeded the penalty limit, so that its session must be closed
 */
internal class RateRejection(val reason: String, val retryAfterMillis: Long, val closesSession: Boolean)
