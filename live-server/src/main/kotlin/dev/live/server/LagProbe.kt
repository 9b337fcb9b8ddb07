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

    /** The newest probes, which may still arrive. Guarded by its own lock. */
    private val recent = ArrayDeque<Probe>()

    /** The highest number that has arrived. Guarded by [recent]. */
    private var newestArrival = 0L

    /** When the oldest test publication was sent that can still arrive in order. Guarded by [recent]. */
    @Volatile
    private var waitingSince: TimeMark? = null

    /** Guarded by [recent]. */
    @Volatile
    private var last: Duration? = null

    /**
     * The last result, or the time since when nothing has arrived, if that is more. Before the first result null, or
     * that time as soon as it exceeds [MAX_WAIT].
     */
    val lag: Duration?
        get() {
            val measured = last
            val waiting = waitingSince?.elapsedNow() ?: return measured
            return if (measured == null) waiting.takeIf { it > MAX_WAIT } else maxOf(measured, waiting)
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
        synchronized(recent) {
            recent += probe
            if (recent.size > MAX_RECENT) recent.removeFirst()
            if (waitingSince == null) waitingSince = probe.sent
        }
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

    /** The test publication [number] was delivered, perhaps later than [MAX_WAIT]. Called by any thread. */
    fun arrived(number: Long) {
        val lag =
            synchronized(recent) {
                val probe = recent.find { it.number == number } ?: return // too late
                if (number <= newestArrival) return // repeated or overtaken
                newestArrival = number
                waitingSince = recent.find { it.number > number }?.sent
                probe.arrived.complete(Unit)
                probe.sent.elapsedNow().also { last = it }
            }
        onMeasured(lag)
    }

    companion object {
        /** Rare enough for a hundred nodes: each publication reaches all of them. */
        val PERIOD = 5.seconds

        /** Then the next publication is sent; this one may still arrive. */
        val MAX_WAIT = 30.seconds

        /** Number of publications that may still arrive. Measures a lag of up to four minutes. */
        private const val MAX_RECENT = 8
    }
}
