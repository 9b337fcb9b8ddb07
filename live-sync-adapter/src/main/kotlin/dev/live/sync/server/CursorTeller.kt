package dev.live.sync.server

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import java.util.PriorityQueue
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds

/**
 * Tells of cursors that have risen: at once, and each scope at most once in [interval], then the newest.
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

    /** Scopes that wait to be looked at. */
    val waiting: Int get() = fresh.size

    /** Has [cursor] told; any thread, never blocks. Nothing after [end]. */
    fun offer(cursor: ScopeCursor) {
        if (hasEnded || !cursor.enqueue()) return
        fresh.add(cursor)
        wake.trySend(Unit)
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
            val next = cooling.peek()
            if (next == null) {
                wake.receive()
            } else {
                withTimeoutOrNull((next.nextAt - now()).milliseconds) { wake.receive() }
            }
        }
    }

    private suspend fun tell(cursor: ScopeCursor) {
        val value = cursor.take() ?: return
        cursor.nextAt = now() + intervalMillis
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

        /** Scopes that are looked at before those whose time has come. */
        const val TURN = 256
    }
}
