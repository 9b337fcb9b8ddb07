package dev.live.server.topic

import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.milliseconds

/**
 * Fires at a scheduled time for one topic. Uses one coroutine while a time is scheduled, and none otherwise.
 *
 * Only accessed by the topic's actor.
 */
internal class TopicTimer(
    private val scope: CoroutineScope,
    private val now: () -> Long,
    private val onFired: suspend () -> Unit,
) {
    private var job: Job? = null
    private var due = NEVER

    /**
     * Fires at [time], or earlier if an earlier time is already scheduled; the receiver then schedules the next time.
     */
    fun schedule(time: Long) {
        if (time >= due) return
        job?.cancel()
        due = time
        job =
            scope.launch(CoroutineName("live-topic-timer")) {
                delay((time - now()).milliseconds)
                onFired()
            }
    }

    /** Must be called after the timer has fired. */
    fun fired() {
        due = NEVER
        job = null
    }

    private companion object {
        const val NEVER = Long.MAX_VALUE
    }
}
