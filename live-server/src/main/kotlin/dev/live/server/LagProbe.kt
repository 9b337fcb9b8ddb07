package dev.live.server

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/**
 * Measures the time from a publication of this node to its delivery on this node, with one small publication at a time.
 * Only the clock of this node is used: the clocks of two machines may differ by more than the lag.
 *
 * @param publish publishes a test publication with this number to all nodes
 * @param onMeasured receives each result
 */
internal class LagProbe(
    private val time: TimeSource,
    private val publish: suspend (number: Long) -> Unit,
    private val onMeasured: (Duration) -> Unit,
) {
    private class Probe(val number: Long, val sent: TimeMark) {
        val arrived = CompletableDeferred<Unit>()
    }

    /** Written by [run]. */
    @Volatile
    private var current: Probe? = null

    /** When the oldest test publication was sent since the last arrival. Written by [run] and [arrived]. */
    @Volatile
    private var waitingSince: TimeMark? = null

    /** Written by [arrived]. */
    @Volatile
    private var last: Duration? = null

    /** The last result, or the time since when nothing has arrived, if that is more; null before the first result. */
    val lag: Duration?
        get() {
            val measured = last ?: return null
            val waiting = waitingSince?.elapsedNow() ?: return measured
            return maxOf(measured, waiting)
        }

    /** Measures until it is cancelled. */
    suspend fun run(): Nothing {
        var number = 0L
        while (true) {
            measure(Probe(++number, time.markNow()))
            delay(PERIOD)
        }
    }

    private suspend fun measure(probe: Probe) {
        current = probe
        if (waitingSince == null) waitingSince = probe.sent
        try {
            withTimeoutOrNull(MAX_WAIT) {
                publish(probe.number)
                probe.arrived.await()
            }
        } catch (_: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            // the broker reports its failures itself
        }
    }

    /** The test publication [number] was delivered. Called by any thread. */
    fun arrived(number: Long) {
        val probe = current?.takeIf { it.number == number } ?: return // late
        if (!probe.arrived.complete(Unit)) return // repeated
        val lag = probe.sent.elapsedNow()
        last = lag
        waitingSince = null
        onMeasured(lag)
    }

    companion object {
        /** Rare enough for a hundred nodes: each publication reaches all of them. */
        val PERIOD = 5.seconds

        /** Then the publication is lost. */
        val MAX_WAIT = 30.seconds
    }
}
