package dev.live.client.connection

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/**
 * Schedules connection attempts: after the reconnect delay, earlier if the [conditions] request it, and never while
 * they forbid it. Only used by the connection loop.
 *
 * @param isConnecting whether the running attempt has not opened a connection yet
 * @param onState called with the connection states in between
 */
internal class ReconnectTimer(
    private val conditions: DeviceConditions,
    private val timeSource: TimeSource,
    private val isConnecting: () -> Boolean,
    private val onState: (ConnectionState) -> Unit,
) {
    private var lastAttempt: TimeMark? = null

    /** Number of check requests that the last attempt already covers. A later request causes another attempt. */
    private var coveredChecks = 0

    /** Whether the last attempt was aborted and no wait followed. */
    private var wasAborted = false

    /**
     * Runs [attempt] and returns its result. Returns null if the attempt was aborted because it became useless: the
     * application went to the background, or the network changed before the connection was open.
     */
    suspend fun <T : Any> run(attempt: suspend () -> T): T? =
        coroutineScope {
            lastAttempt = timeSource.markNow()
            coveredChecks = conditions.state.value.checkRequests
            val running = async { attempt() }
            val watch =
                launch {
                    awaitAbort()
                    running.cancel()
                }
            try {
                running.await().also { if (!isConnecting()) coveredChecks = conditions.state.value.checkRequests }
            } catch (_: CancellationException) {
                currentCoroutineContext().ensureActive() // throws if the client was closed
                wasAborted = true
                null
            } finally {
                watch.cancel()
            }
        }

    private suspend fun awaitAbort() {
        var network: Network? = null // the first value is not a change
        conditions.state.first { state ->
            val isOther = network != null && state.network != null && state.network != network
            network = state.network ?: network
            // an open connection is checked by a probe; a pending attempt would wait for a reply on the old network
            state.pause == PauseReason.Background || (isOther && isConnecting())
        }
    }

    /**
     * Suspends while the conditions forbid attempt number [attempt], and keeps the minimum interval after an aborted
     * one.
     */
    suspend fun awaitReady(attempt: Int) {
        awaitAllowed()
        if (!wasAborted) return
        wasAborted = false
        onState(ConnectionState.Connecting(attempt))
        delay(untilNextAttempt())
        awaitAllowed()
    }

    private suspend fun awaitAllowed(): Unit =
        conditions.state.takeWhile { it.pause != null }.collect { state ->
            state.pause?.let { onState(ConnectionState.Paused(it)) }
        }

    /** Waits for [wait] before attempt number [attempt], which follows a disconnect with [cause]. */
    suspend fun await(wait: ReconnectDelay, attempt: Int, cause: DisconnectCause) {
        val begin = timeSource.markNow()
        var checks = coveredChecks
        var total = wait.delay
        while (begin.passed() < total) {
            onState(ConnectionState.Waiting(attempt, total, begin + total, cause))
            if (!awaitChange(total - begin.passed(), checks, wait.canShorten)) return
            awaitAllowed()
            checks = conditions.state.value.checkRequests
            if (wait.canShorten) total = minOf(total, begin.passed() + untilNextAttempt())
        }
    }

    /** Returns false if no relevant change happened within [time]. */
    private suspend fun awaitChange(time: Duration, checks: Int, includesChecks: Boolean): Boolean =
        withTimeoutOrNull(time) {
            conditions.state.first { it.pause != null || (includesChecks && it.checkRequests != checks) }
        } != null

    /** Enforces the minimum interval, so that an unstable network does not cause a reconnect storm. */
    private fun untilNextAttempt(): Duration =
        lastAttempt?.let { MIN_INTERVAL - it.passed() }?.coerceAtLeast(Duration.ZERO) ?: Duration.ZERO

    /** At least zero: a clock that goes backwards must not extend a wait. */
    private fun TimeMark.passed(): Duration = elapsedNow().coerceAtLeast(Duration.ZERO)

    private companion object {
        /** Minimum time between two attempts. */
        val MIN_INTERVAL = 1.seconds
    }
}
