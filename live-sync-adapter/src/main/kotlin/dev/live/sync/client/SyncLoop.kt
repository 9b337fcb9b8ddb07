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

// Long because its public face is documented here, and the loop behind it is one machine over what was heard.

/**
 * Keeps one scope up to date: runs [pull] when the server says that there is more, and now and then though it says
 * nothing.
 *
 * ```
 * val loop = SyncLoop(live, "list/42", cursor = store) { since ->
 *     api.changes("list/42", since).also(notes::apply).cursor
 * }
 * launch { loop.run() }
 * launch { loop.state.collect(::show) }
 * ```
 *
 * Pulls run one at a time, and a pull that failed is tried again after a backoff, at the next connection, or when
 * [pullNow] asks for it, whichever comes first; what is signalled meanwhile makes one more of them, however often
 * that was.
 *
 * @property scope what is kept up to date; at most 251 bytes of UTF-8
 * @param cursor how far this client has come. What it throws is shown and tried again as what [pull] throws
 * @param poll how long after a pull the next one comes though nothing was heard: this long, give or take a fifth.
 *   Positive; infinite polls once at most, where nothing was heard two seconds after the start
 * @param backoff the wait after pulls that failed, and before a scope that was refused is asked for again; where it
 *   gives up, [poll] says when
 * @param pull gets what came after its argument, applies it, and returns how far it came: the same where there was
 *   nothing. Part of what there is will do, then it is called again. What it throws is shown in [state] and tried
 *   again later
 * @throws IllegalArgumentException if [scope] cannot be one, or [poll] is not positive
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
     * What has been heard; written from any thread.
     *
     * @property wishes how often [pullNow] was called
     * @property joinedOn the connection on which the scope was last subscribed to
     */
    private data class Heard(
        val target: ULong? = null,
        val mustPull: Boolean = false,
        val wishes: Int = 0,
        val connection: ConnectionState? = null,
        val joinedOn: ConnectionState? = null,
        val refusal: LiveException? = null,
    ) {
        val isLive: Boolean get() = connection is ConnectionState.Connected && connection === joinedOn

        fun isBehind(since: ULong): Boolean = mustPull || (target != null && target > since)
    }

    private val isRunning = AtomicBoolean()
    private val heard = MutableStateFlow(Heard())
    private val states = MutableStateFlow<SyncState>(SyncState.Offline(0uL))

    /** How the loop stands; [SyncState.Offline] until it runs. */
    public val state: StateFlow<SyncState> = states.asStateFlow()

    /**
     * Has [pull] run now, or once more after the one that runs, without a backoff: for a button that says "refresh", and
     * for a pull that also sends what the user has changed. Any thread.
     */
    public fun pullNow(): Unit = heard.update { it.copy(mustPull = true, wishes = it.wishes + 1) }

    /**
     * Runs until it is cancelled, and does not fail of itself. May run again when it has ended.
     *
     * @throws IllegalStateException if it runs already: pulls would overlap
     */
    public suspend fun run(): Nothing {
        check(isRunning.compareAndSet(false, true)) { "the loop of scope '$scope' runs already; make another one" }
        try {
            keep()
        } finally {
            isRunning.set(false)
        }
    }

    private suspend fun keep(): Nothing =
        coroutineScope {
            launch(CoroutineName("live-sync-signals")) { hear() }
            launch(CoroutineName("live-sync-connection")) {
                link.connection.collect { connection -> heard.update { it.copy(connection = connection) } }
            }
            try {
                pulls()
            } finally {
                heard.update { it.copy(connection = null, joinedOn = null) }
                states.value = SyncState.Offline(states.value.cursor)
            }
        }

    /**
     * A refusal may be one for now, such as by a token that has run out: it is asked again, at the pace of failed
     * pulls.
     */
    private suspend fun hear() {
        var attempt = 0
        while (true) {
            try {
                link.signals.collect { signal ->
                    if (signal is SyncSignal.Joined) attempt = 0
                    heard.update { it.with(signal) }
                }
                heard.update { it.copy(joinedOn = null) }
                return // the client is closed
            } catch (e: LiveException) {
                heard.update { it.copy(joinedOn = null, refusal = e) }
            }
            delay(backoff.delayBefore(attempt++) ?: jittered())
        }
    }

    private fun Heard.with(signal: SyncSignal): Heard {
        val cursor = signal.cursor
        val ahead = if (cursor == null) copy(mustPull = true) else copy(target = maxOf(cursor, target ?: cursor))
        if (signal !is SyncSignal.Joined) return ahead
        return ahead.copy(joinedOn = link.connection.value, refusal = null)
    }

    private suspend fun pulls(): Nothing {
        var nextPoll = clock.markNow() + minOf(FIRST_POLL * random.nextDouble(1 - JITTER, 1 + JITTER), poll)
        var failures = 0
        var toldOn: ConnectionState? = null
        while (true) {
            val seen = heard.value
            if (seen.isLive && seen.joinedOn !== toldOn) {
                toldOn = seen.joinedOn
                nextPoll = clock.markNow() + jittered() // the server has just said where the scope stands
            }
            val failure =
                try {
                    val since = cursor.read()
                    if (!seen.isBehind(since) && !nextPoll.hasPassedNow()) {
                        rest(since, seen, nextPoll)
                        continue
                    }
                    pullOnce(since, seen)
                    null
                } catch (e: Exception) {
                    currentCoroutineContext().ensureActive()
                    heard.update { it.copy(mustPull = true) }
                    e
                }
            nextPoll = clock.markNow() + jittered()
            if (failure == null) {
                failures = 0
            } else {
                waitAfter(failure, seen, backoff.delayBefore(failures++) ?: jittered())
            }
        }
    }

    /** Until something else is heard than [seen], or it is time to poll. */
    private suspend fun rest(since: ULong, seen: Heard, nextPoll: TimeMark) {
        states.value = if (seen.isLive) SyncState.InSync(since) else SyncState.Offline(since, seen.refusal)
        withTimeoutOrNull(-nextPoll.elapsedNow()) { heard.first { it != seen } }
    }

    /** Throws what [pull] and [cursor] throw, and what is wrong with where they came. */
    private suspend fun pullOnce(since: ULong, seen: Heard) {
        val target = seen.target
        if (seen.isBehind(since)) {
            states.value = SyncState.Behind(since, target)
            yield() // so that it can be seen
        }
        states.value = SyncState.Pulling(since, target)
        heard.update { it.copy(mustPull = false) }
        val reached = pull(since)
        check(reached >= since) { "pull went back from $since to $reached" }
        if (reached > since) cursor.write(reached)
        val stored = cursor.read()
        check(stored >= reached) { "the store says $stored after write($reached)" }
        // a replica that is not there yet; to ask again at once would only keep it busy
        check(reached > since || target == null || target <= since) {
            "pull found nothing after $since, though the scope is at $target"
        }
    }

    /** Somebody who asks for a pull, and a connection that is there again, know better than the backoff. */
    private suspend fun waitAfter(failure: Exception, before: Heard, wait: Duration) {
        val until: TimeMark = clock.markNow() + wait
        states.value = SyncState.Failed(known(), failure, wait, until)
        withTimeoutOrNull(wait) {
            heard.first { it.wishes != before.wishes || (it.isLive && it.joinedOn !== before.joinedOn) }
        }
    }

    /** How far it has come, also where the store cannot say so now: part of what failed may have been applied. */
    private suspend fun known(): ULong =
        try {
            cursor.read()
        } catch (_: Exception) {
            currentCoroutineContext().ensureActive()
            states.value.cursor
        }

    private fun jittered(): Duration = if (poll.isInfinite()) poll else poll * random.nextDouble(1 - JITTER, 1 + JITTER)

    override fun toString(): String = "SyncLoop($scope, ${state.value})"

    private companion object {
        /** Where nothing is heard so long after the start, live is taken for down. */
        val FIRST_POLL = 2.seconds
        const val JITTER = 0.2
    }
}
