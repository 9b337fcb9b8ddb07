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
 * Says when it is time for an attempt to connect: after the wait that the last end asks for, sooner where something in the
 * [surroundings] says that it is worth it, and never while they forbid it. Only used by the connection loop.
 *
 * @param isConnecting whether the attempt that runs has not opened a connection
 * @param show called with the states that there are meanwhile
 */
internal class ReconnectTimer(
    private val surroundings: DeviceConditions,
    private val timeSource: TimeSource,
    private val isConnecting: () -> Boolean,
    private val show: (ConnectionState) -> Unit,
) {
    private var lastAttempt: TimeMark? = null

    /** The hints that were given when the last attempt had its chance; what comes later is worth another one. */
    private var hintsBefore = 0

    /** Whether the last attempt was ended, and no wait is behind it. */
    private var wasEnded = false

    /**
     * What [attempt] returns, or null if that ended it which makes it pointless: the application went to the background,
     * or the network changed on which it has not connected yet.
     */
    suspend fun <T : Any> attempt(attempt: suspend () -> T): T? =
        coroutineScope {
            lastAttempt = timeSource.markNow()
            hintsBefore = surroundings.known.value.hints
            val running = async { attempt() }
            val watch =
                launch {
                    awaitPointless()
                    running.cancel()
                }
            try {
                running.await().also { if (!isConnecting()) hintsBefore = surroundings.known.value.hints }
            } catch (_: CancellationException) {
                currentCoroutineContext().ensureActive() // throws if it is the client that was closed
                wasEnded = true
                null
            } finally {
                watch.cancel()
            }
        }

    private suspend fun awaitPointless() {
        var network: Network? = null // the first word on it is no change
        surroundings.known.first { known ->
            val isOther = network != null && known.network != null && known.network != network
            network = known.network ?: network
            // what is open looks for itself whether it stands; what is to open would wait for the old network's answer
            known.pause == PauseReason.Background || (isOther && isConnecting())
        }
    }

    /** Returns when it is time for attempt number [attempt], as far as the surroundings and the attempt before go. */
    suspend fun awaitWriter(attempt: Int) {
        awaitAllowed()
        if (!wasEnded) return
        wasEnded = false
        show(ConnectionState.Connecting(attempt))
        delay(untilNextAttempt())
        awaitAllowed()
    }

    private suspend fun awaitAllowed(): Unit =
        surroundings.known.takeWhile { it.pause != null }.collect { known ->
            known.pause?.let { show(ConnectionState.Paused(it)) }
        }

    /** Sits out [wait], which stands before attempt number [attempt] because of [cause]. */
    suspend fun sitOut(wait: Wait, attempt: Int, cause: DisconnectCause) {
        val begin = timeSource.markNow()
        var hints = hintsBefore
        var total = wait.delay
        while (begin.passed() < total) {
            show(ConnectionState.Waiting(attempt, total, begin + total, cause))
            if (!awaitNews(total - begin.passed(), hints, wait.mayBeShorter)) return
            awaitAllowed()
            hints = surroundings.known.value.hints
            if (wait.mayBeShorter) total = minOf(total, begin.passed() + untilNextAttempt())
        }
    }

    /** False if there was none in [time] that matters. */
    private suspend fun awaitNews(time: Duration, hints: Int, isHintNews: Boolean): Boolean =
        withTimeoutOrNull(time) {
            surroundings.known.first { it.pause != null || (isHintNews && it.hints != hints) }
        } != null

    /** However often something says that it is worth it: a network that comes and goes is not to be a storm. */
    private fun untilNextAttempt(): Duration =
        lastAttempt?.let { LEAST_INTERVAL - it.passed() }?.coerceAtLeast(Duration.ZERO) ?: Duration.ZERO

    /** At least zero: a clock that goes backwards must not make a wait longer. */
    private fun TimeMark.passed(): Duration = elapsedNow().coerceAtLeast(Duration.ZERO)

    private companion object {
        /** Between two attempts. */
        val LEAST_INTERVAL = 1.seconds
    }
}
