package dev.live.client.topic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The wait before something is asked again that the server refused for a reason that passes. */
internal class Retry(private val scope: CoroutineScope, private val again: () -> Unit) {
    private var waiting: Job? = null
    private var refusals = 0

    /** For how long it was asked to wait in all. */
    var waited = Duration.ZERO
        private set

    /** Whether it is not yet time. */
    val isAhead: Boolean get() = waiting != null

    /** Waits for what the server [asked], or longer from time to time: half of it at random, as all clients may wait. */
    fun after(asked: Duration?) {
        val least = asked ?: (LEAST * (1 shl refusals.coerceAtMost(MAX_DOUBLINGS)))
        refusals++
        waited += least
        waiting?.cancel()
        waiting =
            scope.launch {
                delay(least + least * Random.nextDouble() / 2)
                waiting = null
                again()
            }
    }

    /** It was not refused, or asks on another connection. */
    fun forget() {
        waiting?.cancel()
        waiting = null
        refusals = 0
        waited = Duration.ZERO
    }

    private companion object {
        val LEAST = 1.seconds

        /** From one second to 32. */
        const val MAX_DOUBLINGS = 5
    }
}
