package dev.live.client.connection

import kotlinx.coroutines.delay
import kotlin.time.Duration
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

    /** Something came from the server. */
    fun heard() {
        lastHeard = timeSource.markNow()
    }

    /**
     * Runs until cancelled.
     *
     * @throws SilenceException when the silence has lasted for the timeout
     */
    suspend fun run(): Nothing {
        while (true) {
            val asked = lastHeard
            delay(interval - asked.elapsedNow())
            if (lastHeard != asked) continue
            ping()
            delay(timeout - asked.elapsedNow())
            if (lastHeard == asked) throw SilenceException(timeout)
        }
    }
}
