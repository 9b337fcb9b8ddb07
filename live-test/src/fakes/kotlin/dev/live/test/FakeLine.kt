package dev.live.test

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch

/**
 * What is on its way in one direction of one connection. Only used on the client's dispatcher.
 *
 * @param scope the connection's: what has not arrived when it ends never does
 */
internal class FakeLine(private val scope: CoroutineScope, private val direction: FakeDirection) {
    private val onItsWay = MutableStateFlow(0)

    /** Everything has to come after this, and after the newest of its own topic. */
    private var barrier: Job? = null
    private val newest = HashMap<String, Job>()

    val isFull: Boolean get() = onItsWay.value >= CAPACITY

    suspend fun awaitRoom() {
        onItsWay.first { it < CAPACITY }
    }

    /**
     * Calls [arrive] when that has passed which has to come before and this has taken its time: at once, where nothing
     * stands in its way.
     *
     * @param topic what this is about; null is about all of them, and comes after everything
     */
    fun carry(topic: String?, arrive: () -> Unit) {
        if (onItsWay.value == 0 && direction.isInstant) return arrive()
        val isInLine = topic == null || !direction.reordersTopics
        val before = if (isInLine) newest.values + listOfNotNull(barrier) else listOfNotNull(newest[topic] ?: barrier)
        val time = direction.timeOfNext()
        onItsWay.value++
        val carrying =
            scope.launch {
                delay(time)
                before.forEach { it.join() }
                direction.awaitPassing()
                onItsWay.value--
                arrive()
            }
        if (isInLine) {
            newest.clear()
            barrier = carrying
        } else {
            newest[topic.orEmpty()] = carrying
        }
    }

    companion object {
        /** Messages that may be on their way. */
        const val CAPACITY = 10_000
    }
}
