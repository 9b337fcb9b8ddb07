package dev.live.client.topic

import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The delays before the retries of a request that the server rejects with temporary errors. */
internal class RetryDelays {
    /** Rejections since the last [reset]. */
    private var rejections = 0

    /** Sum of the requested delays since the last [reset], without jitter. */
    var total = Duration.ZERO
        private set

    /**
     * Returns the delay before the next retry: [retryAfter], or an exponential backoff if it is null. Adds up to half
     * of the delay as jitter, because all clients may have been rejected at once.
     */
    fun next(retryAfter: Duration?): Duration {
        val minDelay = retryAfter ?: (MIN_DELAY * (1 shl rejections.coerceAtMost(MAX_DOUBLINGS)))
        rejections++
        total += minDelay
        return minDelay + minDelay * Random.nextDouble() / 2
    }

    /** Called when the request was accepted, is no longer needed, or is sent on another connection. */
    fun reset() {
        rejections = 0
        total = Duration.ZERO
    }

    private companion object {
        val MIN_DELAY = 1.seconds

        /** From 1 s to 32 s. */
        const val MAX_DOUBLINGS = 5
    }
}
