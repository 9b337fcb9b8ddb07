package dev.live.server.topic

import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.milliseconds

/**
 * Lets a topic hear when a time has come. There is one coroutine while there is something to wait for, and none
 * otherwise.
 *
 * Only accessed by the topic's fan-out coroutine.
 */
internal class TopicTimer(
    private val scope: CoroutineScope,
    private val now: () -> Long,
    private val ring: suspend () -> Unit,
) {
    private var waiting: Job? = null
    private var due = NEVER

    /** Rings at [time], or earlier if it is set to that already: whoever is woken looks what is next. */
    fun setTo(time: Long) {
        if (time >= due) return
        waiting?.cancel()
        due = time
        waiting =
            scope.launch(CoroutineName("live-topic-alarm")) {
                delay((time - now()).milliseconds)
                ring()
            }
    }

    /** It rang. */
    fun rang() {
        due = NEVER
        waiting = null
    }

    private companion object {
        const val NEVER = Long.MAX_VALUE
    }
}
