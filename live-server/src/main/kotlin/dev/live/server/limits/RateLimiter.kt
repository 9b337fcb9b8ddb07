package dev.live.server.limits

/**
 * A token bucket that is refilled at [rate]; a token is one message, or one byte. It counts thousandths of tokens: the
 * bucket gains as many thousandths per millisecond as tokens per second, so nothing is rounded and the returned wait is
 * exact.
 *
 * Only accessed by one session's reader, or under its owner's lock. Times are milliseconds of the server's clock.
 */
internal class RateLimiter(val rate: Rate, start: Long) {
    private val capacity = rate.burst * MILLIS
    private var thousandths = capacity
    private var refilledAt = start

    /** Created at the first rejection, which most clients never reach. */
    private var penalty: PenaltyBucket? = null

    /** Whether the penalty bucket is full, because the client keeps sending at more than twice its rate. */
    val isExhausted: Boolean get() = penalty?.isFull == true

    /** Takes [amount] tokens. Returns zero, or the milliseconds until enough tokens are available. */
    fun take(now: Long, amount: Int = 1): Long {
        val wait = takeWithoutPenalty(now, amount)
        if (wait > 0) (penalty ?: PenaltyBucket(rate, now).also { penalty = it }).add(now, amount)
        return wait
    }

    /** [take] for an owner that counts rejections itself. */
    fun takeWithoutPenalty(now: Long, amount: Int = 1): Long {
        // Not negative: sessions that share a bucket read the clock before they enter its lock.
        val elapsed = maxOf(0L, now - refilledAt)
        refill(elapsed)
        refilledAt += elapsed
        val required = amount * MILLIS
        if (thousandths >= required) {
            thousandths -= required
            return 0
        }
        return millisUntil(required)
    }

    /** Compares the time before multiplying it, because a month at the highest rate would overflow. */
    private fun refill(elapsed: Long) {
        thousandths = if (elapsed >= millisUntil(capacity)) capacity else thousandths + elapsed * rate.perSecond
    }

    private fun millisUntil(required: Long): Long = (required - thousandths + rate.perSecond - 1) / rate.perSecond

    private companion object {
        const val MILLIS = 1_000L
    }
}

/** A leaky bucket of rejected messages or bytes. It drains at [rate] and is full at its burst. */
internal class PenaltyBucket(private val rate: Rate, private var drainedAt: Long) {
    private var level = 0.0

    /** As of the last rejection. */
    val isFull: Boolean get() = level >= rate.burst

    fun add(now: Long, amount: Int) {
        val elapsed = maxOf(0L, now - drainedAt)
        level = maxOf(0.0, level - elapsed * rate.perSecond / MILLIS) + amount
        drainedAt += elapsed
    }

    private companion object {
        const val MILLIS = 1_000.0
    }
}
