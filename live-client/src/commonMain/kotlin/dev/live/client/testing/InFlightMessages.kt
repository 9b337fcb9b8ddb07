package dev.live.client.testing

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch

/**
 * The messages in flight in one direction of one connection. Only accessed on the client's dispatcher.
 *
 * @param scope the scope of the connection. Messages still in flight are lost when it ends
 */
internal class InFlightMessages(private val scope: CoroutineScope, private val direction: FakeDirection) {
    private val inFlight = MutableStateFlow(0)

    /** Every later message is delivered after this one, and after the newest message of its own topic. */
    private var barrier: Job? = null
    private val newest = HashMap<String, Job>()

    val isFull: Boolean get() = inFlight.value >= CAPACITY

    suspend fun awaitCapacity() {
        inFlight.first { it < CAPACITY }
    }

    /**
     * Calls [deliver] after the message's delay and after all messages that must arrive before it. Calls it immediately
     * if there is no delay and nothing is in flight.
     *
     * @param topic the topic of the message. Null orders it after all messages in flight
     */
    fun send(topic: String?, deliver: () -> Unit) {
        if (inFlight.value == 0 && direction.isInstant) return deliver()
        val isOrdered = topic == null || !direction.reordersTopics
        val predecessors =
            if (isOrdered) newest.values + listOfNotNull(barrier) else listOfNotNull(newest[topic] ?: barrier)
        val time = direction.nextDelay()
        inFlight.value++
        val delivery =
            scope.launch {
                delay(time)
                predecessors.forEach { it.join() }
                direction.awaitFlowing()
                inFlight.value--
                deliver()
            }
        if (isOrdered) {
            newest.clear()
            barrier = delivery
        } else {
            newest[topic.orEmpty()] = delivery
        }
    }

    companion object {
        /** Maximum number of messages in flight. */
        const val CAPACITY = 10_000
    }
}
