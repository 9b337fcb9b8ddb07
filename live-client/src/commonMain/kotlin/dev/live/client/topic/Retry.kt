package dev.live.client.topic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Schedules the retry of a request that the server rejected with a temporary error. */
internal class Retry(private val scope: CoroutineScope, private val onRetry: () -> Unit) {
    private var waiting: Job? = null
    private var rejections = 0

    /** Sum of the requested delays since the last [reset], without jitter. */
    var totalDelay = Duration.ZERO
        private set

    /** Whether a retry is scheduled. */
    val isScheduled: Boolean get() = waiting != null

    /**
     * Schedules a retry after [retryAfter], or after an exponential backoff if it is null. Adds up to half of the
     * delay as jitter, because all clients may have been rejected at once.
     */
    fun schedule(retryAfter: Duration?) {
        val minDelay = retryAfter ?: (MIN_DELAY * (1 shl rejections.coerceAtMost(MAX_DOUBLINGS)))
        rejections++
        totalDelay += minDelay
        waiting?.cancel()
        waiting =
            scope.launch {
                delay(minDelay + minDelay * Random.nextDouble() / 2)
                waiting = null
                onRetry()
            }
    }

    /** Cancels the retry. Called when the request was accepted, or when it is sent on another connection. */
    fun reset() {
        waiting?.cancel()
        waiting = null
        rejections = 0
        totalDelay = Duration.ZERO
    }

    private companion object {
        val MIN_DELAY = 1.seconds

        /** From 1 s to 32 s. */
        const val MAX_DOUBLINGS = 5
    }
}
