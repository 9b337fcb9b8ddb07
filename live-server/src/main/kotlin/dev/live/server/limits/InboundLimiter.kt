package dev.live.server.limits

/**
 * Holds what one session sends to its limits. What it counts with is made when it is first needed: an idle session has
 * none of it.
 *
 * Only accessed by the session's reader.
 */
internal class InboundLimiter(private val limits: LimitSettings) {
    private var messages: RateLimiter? = null
    private var bytes: RateLimiter? = null
    private var subscribes: RateLimiter? = null
    private var bad: BadMessageCounter? = null
    private var refusedToUser: PenaltyBucket? = null

    /** What this session shares with the others of its user, where there is a limit on that. Set before it is read. */
    var user: UserRate? = null

    /** Why a message of [size] bytes must not be handled, or null. Zero bytes for a ping or a pong. */
    fun admit(now: Long, size: Int): Refusal? = admitMessage(now) ?: admitBytes(now, size) ?: admitOfUser(now)

    /** Why a `subscribe` of [size] bytes must not be handled, or null. It does not count as a message besides. */
    fun admitSubscribe(now: Long, size: Int): Refusal? = admitSubscribe(now) ?: admitBytes(now, size)

    private fun admitSubscribe(now: Long): Refusal? {
        if (limits.subscribes.isUnlimited) return null
        val limiter = subscribes ?: RateLimiter(limits.subscribes, now).also { subscribes = it }
        return limiter.refusal(now, amount = 1, "subscribes a second")
    }

    /** Counts a message that could not be decoded; true if it was the one too many. */
    fun isOneBadMessageTooMany(now: Long): Boolean {
        val counter = bad ?: BadMessageCounter(limits.maxBadMessages, BAD_MESSAGE_WINDOW_MILLIS).also { bad = it }
        return counter.isTooMany(now)
    }

    private fun admitMessage(now: Long): Refusal? {
        if (limits.messages.isUnlimited) return null
        val limiter = messages ?: RateLimiter(limits.messages, now).also { messages = it }
        return limiter.refusal(now, amount = 1, "messages a second")
    }

    private fun admitBytes(now: Long, size: Int): Refusal? {
        if (size == 0 || limits.bytes.isUnlimited) return null
        val limiter = bytes ?: RateLimiter(limits.bytes, now).also { bytes = it }
        return limiter.refusal(now, size, "bytes a second")
    }

    /** The bucket is the user's, but who does not heed its refusals is this session: the others must not pay for it. */
    private fun admitOfUser(now: Long): Refusal? {
        val wait = user?.take(now) ?: return null
        if (wait == 0L) return null
        val refused = refusedToUser ?: PenaltyBucket(limits.userMessages, now).also { refusedToUser = it }
        refused.add(now, amount = 1)
        val reason = "at most ${limits.userMessages.perSecond} messages a second from all sessions of a user"
        return Refusal(reason, wait, refused.isTooMany)
    }

    private fun RateLimiter.refusal(now: Long, amount: Int, what: String): Refusal? {
        val wait = take(now, amount)
        return if (wait == 0L) null else Refusal("at most ${rate.perSecond} $what", wait, isExhausted)
    }

    private companion object {
        const val BAD_MESSAGE_WINDOW_MILLIS = 60_000L
    }
}

/**
 * Why something was over a rate.
 *
 * @property retryAfterMillis when it would not be any more
 * @property isLast whether the client has had enough of these, and its session is to be closed
 */
internal class Refusal(val reason: String, val retryAfterMillis: Long, val isLast: Boolean)
