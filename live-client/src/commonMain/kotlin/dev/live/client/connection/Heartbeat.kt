package dev.live.client.connection

import kotlinx.coroutines.delay
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** Nothing was heard for [after]. */
internal class SilenceException(val after: Duration) : Exception("nothing was heard for $after")

/**
 * Finds connections that are dead without knowing it: after [interval] of silence it asks, after [timeout] it gives up.
 * Only used on the client's dispatcher.
 */
internal class Heartbeat(
    private val interval: Duration,
    private val timeout: Duration,
    private val timeSource: TimeSource,
    private val ping: () -> Unit,
) {
    private var lastHeard = timeSource.markNow()

    /** How often something was heard: two times may be the same. */
    private var timesHeard = 0L

    /** Something came from the server. */
    fun heard() {
        lastHeard = timeSource.markNow()
        timesHeard++
    }

    /**
     * Asks now, because something suggests trouble. Returns when anything was heard.
     *
     * @throws SilenceException if nothing was within [PROBE_TIMEOUT]
     */
    suspend fun probe() {
        val before = timesHeard
        ping()
        delay(PROBE_TIMEOUT)
        if (timesHeard == before) throw SilenceException(PROBE_TIMEOUT)
    }

    /**
     * Runs until cancelled.
     *
     * @throws SilenceException when the silence has lasted for the timeout
     */
    suspend fun run(): Nothing {
        while (true) {
            val before = timesHeard
            delay(interval - silence())
            if (timesHeard != before) continue
            ping()
            // a clock that has jumped past the timeout says nothing of the connection: it gets the time of a probe
            val rest = (timeout - silence()).takeIf { it.isPositive() } ?: PROBE_TIMEOUT
            // in two steps: whoever has answered is asked again after the interval, which proxies count too
            val first = minOf(rest, interval)
            delay(first)
            if (timesHeard != before) continue
            delay(rest - first)
            if (timesHeard == before) throw SilenceException(timeout)
        }
    }

    /** At least zero: a clock that goes backwards must not put the ping off. */
    private fun silence(): Duration = lastHeard.elapsedNow().coerceAtLeast(Duration.ZERO)

    private companion object {
        val PROBE_TIMEOUT = 2.seconds
    }
}
