package dev.live.sync.server

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import java.util.PriorityQueue
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds

/**
 * Tells of cursors that have risen, and each scope at most once in [interval], then the newest: at once where nothing
 * was told for an interval, otherwise within a few milliseconds. To be woken by each call would cost the callers more
 * than all the rest: some 15 µs, see benchmarks/RESULTS.md.
 *
 * Each scope waits at most once, so what waits is bounded by the scopes that were notified and not told yet.
 *
 * @param now milliseconds of a clock that never goes back
 * @param tell called by [run] alone; what it throws goes to [onFailure] and stops nothing
 */
internal class CursorTeller(
    private val interval: Duration,
    private val now: () -> Long,
    private val tell: suspend (scope: String, cursor: ULong) -> Unit,
    private val onFailure: (scope: String, cause: Exception) -> Unit,
) {
    private val fresh = ConcurrentLinkedQueue<ScopeCursor>()
    private val wake = Channel<Unit>(Channel.CONFLATED)

    /** Rounded up: never too early. */
    private val intervalMillis = (interval + 999.microseconds).inWholeMilliseconds

    /** Told too short a time ago. Only accessed by [run]. */
    private val cooling = PriorityQueue<ScopeCursor>(INITIAL_SCOPES, compareBy { it.nextAt })

    @Volatile
    private var hasEnded = false

    /** Whether [run] has to be woken; otherwise it looks by itself soon. */
    @Volatile
    private var isAsleep = false

    /** When something was told last. Only accessed by [run]. */
    private var toldAt = Long.MIN_VALUE

    /** Scopes that wait to be looked at. */
    val waiting: Int get() = fresh.size

    /** Has [cursor] told; any thread, never blocks. Nothing after [end]. */
    fun offer(cursor: ScopeCursor) {
        if (hasEnded || !cursor.enqueue()) return
        fresh.add(cursor)
        if (isAsleep) wake.trySend(Unit)
        if (hasEnded) fresh.clear() // it may have come just behind the clearing
    }

    /** Nobody tells any more. */
    fun end() {
        hasEnded = true
        fresh.clear()
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
            if (toldAt > now() - intervalMillis) delay(LOOK_EVERY) else sleep()
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
                withTimeoutOrNull((next.nextAt - now()).milliseconds) { wake.receive() }
            }
        } finally {
            isAsleep = false
        }
    }

    private suspend fun tell(cursor: ScopeCursor) {
        val value = cursor.take() ?: return
        toldAt = now()
        cursor.nextAt = toldAt + intervalMillis
        try {
            tell(cursor.scope, value)
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive()
            onFailure(cursor.scope, e)
            cursor.told = null // and once more, when its time has come
            offer(cursor)
        }
    }

    private companion object {
        const val INITIAL_SCOPES = 64

        /** While scopes are being told of. */
        val LOOK_EVERY = 2.milliseconds

        /** Scopes that are looked at before those whose time has come. */
        const val TURN = 256
    }
}
