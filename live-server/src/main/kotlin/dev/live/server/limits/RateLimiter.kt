package dev.live.server.limits

/**
 * A token bucket that is filled at [rate]; a token stands for one message, or for one byte of it. It counts thousandths
 * of tokens, as many of which come in a millisecond as tokens in a second: nothing is rounded, and the wait that it
 * tells is enough.
 *
 * Only accessed by one session's reader, or under its owner's lock. Times are milliseconds of the server's clock.
 */
internal class RateLimiter(val rate: Rate, start: Long) {
    private val full = rate.burst * MILLIS
    private var thousandths = full
    private var filled = start

    /** Made at the first refusal: most clients never get one. */
    private var refusals: PenaltyBucket? = null

    /** Whether the client did not heed the refusals of a whole burst: it sends more than twice what it may, and goes on. */
    val isExhausted: Boolean get() = refusals?.isTooMany == true

    /** Takes [amount] tokens: zero if there were as many, else the milliseconds until there will be. */
    fun take(now: Long, amount: Int = 1): Long {
        val wait = takeUncounted(now, amount)
        if (wait > 0) (refusals ?: PenaltyBucket(rate, now).also { refusals = it }).add(now, amount)
        return wait
    }

    /** As [take], for an owner that counts refusals elsewhere. */
    fun takeUncounted(now: Long, amount: Int = 1): Long {
        val elapsed = maxOf(0L, now - filled) // sessions that share a bucket look at the clock before they get to it
        fill(elapsed)
        filled += elapsed
        val wanted = amount * MILLIS
        if (thousandths >= wanted) {
            thousandths -= wanted
            return 0
        }
        return millisUntil(wanted)
    }

    /** The time is compared before it is multiplied: that of a month at the highest rate would not fit. */
    private fun fill(elapsed: Long) {
        thousandths = if (elapsed >= millisUntil(full)) full else thousandths + elapsed * rate.perSecond
    }

    private fun millisUntil(wanted: Long): Long = (wanted - thousandths + rate.perSecond - 1) / rate.perSecond

    private companion object {
        const val MILLIS = 1_000L
    }
}

/** What was refused at [rate] and is not forgotten yet: it fades as fast as it might have come. */
internal class PenaltyBucket(private val rate: Rate, private var faded: Long) {
    private var amount = 0.0

    /** As of the last refusal. */
    val isTooMany: Boolean get() = amount >= rate.burst

    fun add(now: Long, amount: Int) {
        val elapsed = maxOf(0L, now - faded)
        this.amount = maxOf(0.0, this.amount - elapsed * rate.perSecond / MILLIS) + amount
        faded += elapsed
    }

    private companion object {
        const val MILLIS = 1_000.0
    }
}
