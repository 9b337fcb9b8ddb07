package dev.live.client.connection

import kotlinx.coroutines.delay
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** The client received nothing for [after]. */
internal class HeartbeatTimeoutException(val after: Duration) : Exception("nothing received for $after")

/**
 * Detects dead connections: sends a ping when the client has received nothing for [interval], and fails after
 * [timeout]. Only used on the client's dispatcher.
 */
internal class Heartbeat(
    private val interval: Duration,
    private val timeout: Duration,
    private val timeSource: TimeSource,
    private val ping: () -> Unit,
) {
    private var lastReceived = timeSource.markNow()

    /** Number of received messages. Two messages may have the same time. */
    private var messagesReceived = 0L

    /** A message arrived from the server. */
    fun received() {
        lastReceived = timeSource.markNow()
        messagesReceived++
    }

    /**
     * Sends a ping now and returns after [PROBE_TIMEOUT] if a message has arrived by then.
     *
     * @throws HeartbeatTimeoutException if nothing was received within [PROBE_TIMEOUT]
     */
    suspend fun probe() {
        val before = messagesReceived
        ping()
        delay(PROBE_TIMEOUT)
        if (messagesReceived == before) throw HeartbeatTimeoutException(PROBE_TIMEOUT)
    }

    /**
     * Runs until cancelled.
     *
     * @throws HeartbeatTimeoutException if nothing was received for [timeout]
     */
    suspend fun run(): Nothing {
        while (true) {
            val before = messagesReceived
            delay(interval - silence())
            if (messagesReceived != before) continue
            ping()
            // a clock that jumped past the timeout does not mean a dead connection: wait as long as a probe does
            val rest = (timeout - silence()).takeIf { it.isPositive() } ?: PROBE_TIMEOUT
            // in two steps: after a pong the next ping follows in one interval, because proxies also count idle time
            val first = minOf(rest, interval)
            delay(first)
            if (messagesReceived != before) continue
            delay(rest - first)
            if (messagesReceived == before) throw HeartbeatTimeoutException(timeout)
        }
    }

    /** At least zero: a clock that goes backwards must not delay the ping. */
    private fun silence(): Duration = lastReceived.elapsedNow().coerceAtLeast(Duration.ZERO)

    private companion object {
        val PROBE_TIMEOUT = 2.seconds
    }
}
