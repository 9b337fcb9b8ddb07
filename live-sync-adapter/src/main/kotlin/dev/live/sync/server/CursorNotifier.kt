package dev.live.sync.server

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import java.util.PriorityQueue
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Tells of cursors that have risen, and each scope at most once in [interval], then the newest: at once where nothing
 * was told for 50 ms, otherwise within a few milliseconds. To be woken by each call of a busy engine would cost its
 * threads more than all the rest, see benchmarks/RESULTS.md.
 *
 * Each scope waits at most once, so what waits is bounded by the scopes that were notified and not told yet.
 *
 * @param now nanoseconds of a clock that never goes back
 * @param tell called by [run] alone, for 5 s at the most; what it throws goes to [onFailure] and stops nothing
 */
internal class CursorNotifier(
    interval: Duration,
    private val now: () -> Long,
    private val tell: suspend (scope: String, cursor: ULong) -> Unit,
    private val onFailure: (scope: String, cause: Exception) -> Unit,
) {
    private val fresh = ConcurrentLinkedQueue<ScopeCursor>()
    private val wake = Channel<Unit>(Channel.CONFLATED)

    private val interval = interval.inWholeNanoseconds

    /** How long after a telling [run] looks by itself for what comes. */
    private val alertness = minOf(interval, ALERT_FOR).inWholeNanoseconds

    /** Told too short a time ago. Only accessed by [run]. */
    private val cooling = PriorityQueue<ScopeCursor>(INITIAL_SCOPES, compareBy { it.nextAt })

    @Volatile
    private var hasEnded = false

    /** Whether [run] has to be woken; otherwise it looks by itself soon. */
    @Volatile
    private var isAsleep = false

    /** When something was told last. Only accessed by [run]. */
    private var toldAt = now() - alertness

    /** Scopes that wait to be told, as far as that can be said while [run] runs. */
    val waiting: Int get() = fresh.size + cooling.size

    /** Has [cursor] told; any thread, never blocks. Nothing after [end]. */
    fun offer(cursor: ScopeCursor) {
        if (hasEnded || !cursor.enqueue()) return
        fresh.add(cursor)
        if (isAsleep) wake.trySend(Unit)
        if (hasEnded) fresh.clear() // it may have come just behind the clearing
    }

    /** Nobody tells any more: [run] has ended. */
    fun end() {
        hasEnded = true
        fresh.clear()
        cooling.clear()
    }

    suspend fun run() {
        while (true) {
            yield() // telling scopes that nobody has joined never waits for anything
            for (turn in 1..TURN) {
                val cursor = fresh.poll() ?: break
                if (cursor.nextAt <= now()) tell(cursor) else cooling += cursor
            }
            while (cooling.isNotEmpty() && cooling.peek().nextAt <= now()) tell(cooling.poll())
            if (fresh.isNotEmpty()) continue
            if (now() - toldAt < alertness) delay(LOOK_EVERY) else sleep()
        }
    }

    private suspend fun sleep() {
        isAsleep = true
        try {
            if (fresh.isNotEmpty()) return // it came before it could know
            val next = cooling.peek()
            if (next == null) {
                wake.receive()
            } else {
                withTimeoutOrNull((next.nextAt - now()).nanoseconds) { wake.receive() }
            }
        } finally {
            isAsleep = false
        }
    }

    private suspend fun tell(cursor: ScopeCursor) {
        val value = cursor.take() ?: return
        toldAt = now()
        cursor.nextAt = toldAt + interval
        try {
            withTimeout(TELL_WITHIN) { tell(cursor.scope, value) }
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive()
            onFailure(cursor.scope, e)
            cursor.told = null // and once more, when its time has come: the others have as long as it has taken
            cursor.nextAt = now() + maxOf(interval, now() - toldAt)
            offer(cursor)
        }
    }

    private companion object {
        const val INITIAL_SCOPES = 64

        val ALERT_FOR = 50.milliseconds

        /** While it is alert. */
        val LOOK_EVERY = 2.milliseconds

        /** One scope that cannot be told must not hold up the others for longer. */
        val TELL_WITHIN = 5.seconds

        /** Scopes that are looked at before those whose time has come. */
        const val TURN = 256
    }
}
