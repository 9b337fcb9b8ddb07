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
 * Publishes advanced cursors, at most once per scope and [interval], and then the newest.
 *
 * It publishes at once after 50 ms without a publish, otherwise within a few milliseconds. While active it polls the
 * queue, because one wakeup per call would be the largest cost for the threads of a busy engine. See
 * benchmarks/RESULTS.md.
 *
 * A scope is queued at most once, so the queues are bounded by the number of scopes with an unpublished cursor.
 *
 * @param now nanoseconds of a monotonic clock
 * @param publish called by [run] only, with a timeout of 5 s; its exceptions go to [onFailure], and [run] continues
 */
internal class CursorNotifier(
    interval: Duration,
    private val now: () -> Long,
    private val publish: suspend (scope: String, cursor: ULong) -> Unit,
    private val onFailure: (scope: String, cause: Exception) -> Unit,
) {
    private val pending = ConcurrentLinkedQueue<ScopeCursor>()
    private val wake = Channel<Unit>(Channel.CONFLATED)

    private val interval = interval.inWholeNanoseconds

    /** Time after a publish in which [run] polls [pending] and needs no wakeup. */
    private val activePeriod = minOf(interval, MAX_ACTIVE_PERIOD).inWholeNanoseconds

    /** Scopes published less than [interval] ago, by next publish time. Only accessed by [run]. */
    private val throttled = PriorityQueue<ScopeCursor>(INITIAL_SCOPES, compareBy { it.nextAt })

    @Volatile
    private var hasEnded = false

    /** Whether [run] waits for [wake]; otherwise it polls soon. */
    @Volatile
    private var isSleeping = false

    /** Time of the last publish. Only accessed by [run]. */
    private var lastPublishAt = now() - activePeriod

    /** Number of queued scopes; approximate while [run] is active. */
    val waiting: Int get() = pending.size + throttled.size

    /** Queues [cursor] to be published. Thread-safe, never blocks. Does nothing after [end]. */
    fun offer(cursor: ScopeCursor) {
        if (hasEnded || !cursor.enqueue()) return
        pending.add(cursor)
        if (isSleeping) wake.trySend(Unit)
        if (hasEnded) pending.clear() // end() may have cleared it before the add
    }

    /** Discards queued cursors. Call it when [run] has ended. */
    fun end() {
        hasEnded = true
        pending.clear()
        throttled.clear()
    }

    suspend fun run() {
        while (true) {
            yield() // publishing to scopes without subscribers never suspends
            for (i in 1..BATCH_SIZE) {
                val cursor = pending.poll() ?: break
                if (cursor.nextAt <= now()) publish(cursor) else throttled += cursor
            }
            while (throttled.isNotEmpty() && throttled.peek().nextAt <= now()) publish(throttled.poll())
            if (pending.isNotEmpty()) continue
            if (now() - lastPublishAt < activePeriod) delay(POLL_INTERVAL) else sleep()
        }
    }

    private suspend fun sleep() {
        isSleeping = true
        try {
            if (pending.isNotEmpty()) return // added before isSleeping was visible to offer()
            val next = throttled.peek()
            if (next == null) {
                wake.receive()
            } else {
                withTimeoutOrNull((next.nextAt - now()).nanoseconds) { wake.receive() }
            }
        } finally {
            isSleeping = false
        }
    }

    private suspend fun publish(cursor: ScopeCursor) {
        val value = cursor.take() ?: return
        lastPublishAt = now()
        cursor.nextAt = lastPublishAt + interval
        try {
            withTimeout(PUBLISH_TIMEOUT) { publish(cursor.scope, value) }
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive()
            onFailure(cursor.scope, e)
            cursor.lastPublished = null // retry. The delay gives other scopes as much time as this failure took
            cursor.nextAt = now() + maxOf(interval, now() - lastPublishAt)
            offer(cursor)
        }
    }

    private companion object {
        const val INITIAL_SCOPES = 64

        val MAX_ACTIVE_PERIOD = 50.milliseconds

        /** Poll interval during the active period. */
        val POLL_INTERVAL = 2.milliseconds

        /** Bounds how long one scope delays the others when its publish hangs. */
        val PUBLISH_TIMEOUT = 5.seconds

        /** Pending scopes per iteration, before the throttled scopes that are due. */
        const val BATCH_SIZE = 256
    }
}
