package dev.live.sync.client

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.connection.ReconnectPolicy
import dev.live.protocol.LiveException
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/**
 * Keeps one scope up to date: runs [pull] when the server signals a newer cursor, and periodically as a fallback.
 *
 * ```
 * val loop = SyncLoop(live, "list/42", cursor = store) { since ->
 *     api.changes("list/42", since).also(notes::apply).cursor
 * }
 * launch { loop.run() }
 * launch { loop.state.collect(::show) }
 * ```
 *
 * Pulls run one at a time. Any number of signals during a pull cause one more pull. A failed pull is retried
 * after the backoff, on the next connection, or by [pullNow], whichever is first.
 *
 * One file, because signals, polls and retries decide about the next pull from the same inputs.
 *
 * @property scope at most 251 bytes of UTF-8
 * @param cursor stores this client's cursor. An exception counts as a failed pull
 * @param poll time from a pull to the next one without a signal, with a jitter of 20 %. Positive. If infinite, the loop
 *   polls at most once, if it receives no signal within two seconds after the start
 * @param backoff delay after a failed pull, and before subscribing again to a rejected scope. If it returns null, the
 *   delay is [poll]
 * @param pull fetches and applies changes after its argument, and returns the cursor that it reached: its argument if
 *   there were none. It may return a part of the changes; then it is called again. An exception is reported in [state],
 *   and the pull is retried
 * @throws IllegalArgumentException if [scope] is invalid, or [poll] is not positive
 */
public class SyncLoop internal constructor(
    public val scope: String,
    private val cursor: CursorStore,
    private val poll: Duration,
    private val backoff: ReconnectPolicy,
    private val link: SyncLink,
    private val random: Random,
    private val clock: TimeSource,
    private val pull: suspend (since: ULong) -> ULong,
) {
    public constructor(
        live: LiveClient,
        scope: String,
        cursor: CursorStore,
        poll: Duration = 60.seconds,
        backoff: ReconnectPolicy = ExponentialBackoff(500.milliseconds, 30.seconds),
        pull: suspend (since: ULong) -> ULong,
    ) : this(scope, cursor, poll, backoff, SyncLink.of(live, scope), Random, TimeSource.Monotonic, pull)

    init {
        require(poll.isPositive()) { "poll must be positive, was $poll" }
    }

    /**
     * The inputs that decide when to pull. Written from any thread.
     *
     * @property pullRequests number of [pullNow] calls
     * @property subscribedOn the connection of the last subscribe to the scope
     */
    private data class Inputs(
        val target: ULong? = null,
        val mustPull: Boolean = false,
        val pullRequests: Int = 0,
        val connection: ConnectionState? = null,
        val subscribedOn: ConnectionState? = null,
        val rejection: LiveException? = null,
    ) {
        val isLive: Boolean get() = connection is ConnectionState.Connected && connection === subscribedOn

        fun isBehind(since: ULong): Boolean = mustPull || (target != null && target > since)
    }

    private val isRunning = AtomicBoolean()
    private val inputs = MutableStateFlow(Inputs())
    private val states = MutableStateFlow<SyncState>(SyncState.Offline(0uL))

    /** The current state; [SyncState.Offline] until [run] starts. */
    public val state: StateFlow<SyncState> = states.asStateFlow()

    /**
     * Pulls now, or once more after a running pull, without a backoff. Thread-safe.
     *
     * Use it for a refresh button, or if the pull also sends local changes.
     */
    public fun pullNow(): Unit = inputs.update { it.copy(mustPull = true, pullRequests = it.pullRequests + 1) }

    /**
     * Runs until cancelled; errors are reported in [state]. Can be called again after it has ended.
     *
     * @throws IllegalStateException if it is already running: pulls would overlap
     */
    public suspend fun run(): Nothing {
        check(isRunning.compareAndSet(false, true)) {
            "the sync loop of scope '$scope' is already running; create another SyncLoop"
        }
        try {
            runLoop()
        } finally {
            isRunning.set(false)
        }
    }

    private suspend fun runLoop(): Nothing =
        coroutineScope {
            launch(CoroutineName("live-sync-signals")) { collectSignals() }
            launch(CoroutineName("live-sync-connection")) {
                link.connection.collect { connection -> inputs.update { it.copy(connection = connection) } }
            }
            try {
                pullLoop()
            } finally {
                inputs.update { it.copy(connection = null, subscribedOn = null) }
                states.value = SyncState.Offline(states.value.cursor)
            }
        }

    /** Subscribes again after a rejection, with the backoff: the cause can be temporary, such as an expired token. */
    private suspend fun collectSignals() {
        var attempt = 0
        while (true) {
            try {
                link.signals.collect { signal ->
                    if (signal is SyncSignal.Subscribed) attempt = 0
                    inputs.update { it.withSignal(signal) }
                }
                inputs.update { it.copy(subscribedOn = null) }
                return // the client is closed
            } catch (e: LiveException) {
                inputs.update { it.copy(subscribedOn = null, rejection = e) }
            }
            delay(backoff.delayBefore(attempt++) ?: jittered())
        }
    }

    private fun Inputs.withSignal(signal: SyncSignal): Inputs {
        val cursor = signal.cursor
        val ahead = if (cursor == null) copy(mustPull = true) else copy(target = maxOf(cursor, target ?: cursor))
        if (signal !is SyncSignal.Subscribed) return ahead
        return ahead.copy(subscribedOn = link.connection.value, rejection = null)
    }

    private suspend fun pullLoop(): Nothing {
        var nextPoll = clock.markNow() + minOf(FIRST_POLL * random.nextDouble(1 - JITTER, 1 + JITTER), poll)
        var failures = 0
        var pollResetOn: ConnectionState? = null
        while (true) {
            val snapshot = inputs.value
            if (snapshot.isLive && snapshot.subscribedOn !== pollResetOn) {
                pollResetOn = snapshot.subscribedOn
                nextPoll = clock.markNow() + jittered() // the ack has just reported the cursor
            }
            val failure =
                try {
                    val since = cursor.read()
                    if (!snapshot.isBehind(since) && !nextPoll.hasPassedNow()) {
                        awaitChange(since, snapshot, nextPoll)
                        continue
                    }
                    pullOnce(since, snapshot)
                    null
                } catch (e: Exception) {
                    currentCoroutineContext().ensureActive()
                    inputs.update { it.copy(mustPull = true) }
                    e
                }
            nextPoll = clock.markNow() + jittered()
            if (failure == null) {
                failures = 0
            } else {
                awaitRetry(failure, snapshot, backoff.delayBefore(failures++) ?: jittered())
            }
        }
    }

    /** Waits until the inputs differ from [snapshot], or the next poll is due. */
    private suspend fun awaitChange(since: ULong, snapshot: Inputs, nextPoll: TimeMark) {
        states.value = if (snapshot.isLive) SyncState.InSync(since) else SyncState.Offline(since, snapshot.rejection)
        withTimeoutOrNull(-nextPoll.elapsedNow()) { inputs.first { it != snapshot } }
    }

    /** Rethrows exceptions of [pull] and [cursor], and throws if a cursor that they return is invalid. */
    private suspend fun pullOnce(since: ULong, snapshot: Inputs) {
        val target = snapshot.target
        if (snapshot.isBehind(since)) {
            states.value = SyncState.Behind(since, target)
            yield() // lets collectors observe this state
        }
        states.value = SyncState.Pulling(since, target)
        inputs.update { it.copy(mustPull = false) }
        val reached = pull(since)
        check(reached >= since) { "pull returned cursor $reached, which is below $since" }
        if (reached > since) cursor.write(reached)
        val stored = cursor.read()
        check(stored >= reached) { "the store returned cursor $stored after write($reached)" }
        // the backoff applies: the replica may lag, and an immediate retry would only add load
        check(reached > since || target == null || target <= since) {
            "pull returned no changes after cursor $since, but the scope is at $target"
        }
    }

    /** Waits for the backoff; [pullNow] and a new subscription end the wait early. */
    private suspend fun awaitRetry(failure: Exception, before: Inputs, wait: Duration) {
        val until: TimeMark = clock.markNow() + wait
        states.value = SyncState.Failed(readCursorOrLast(), failure, wait, until)
        withTimeoutOrNull(wait) {
            inputs.first {
                it.pullRequests != before.pullRequests || (it.isLive && it.subscribedOn !== before.subscribedOn)
            }
        }
    }

    /** Reads the cursor, which a failed pull may have advanced. Falls back to the last one if the store fails. */
    private suspend fun readCursorOrLast(): ULong =
        try {
            cursor.read()
        } catch (_: Exception) {
            currentCoroutineContext().ensureActive()
            states.value.cursor
        }

    private fun jittered(): Duration = if (poll.isInfinite()) poll else poll * random.nextDouble(1 - JITTER, 1 + JITTER)

    override fun toString(): String = "SyncLoop($scope, ${state.value})"

    private companion object {
        /** Time after the start without a signal until the loop assumes that live is unavailable, and polls. */
        val FIRST_POLL = 2.seconds
        const val JITTER = 0.2
    }
}
