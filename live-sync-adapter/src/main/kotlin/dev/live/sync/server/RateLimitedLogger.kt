package dev.live.sync.server

import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/** Allows one log line per [interval], because a failure can affect every scope and client. Thread-safe. */
internal class RateLimitedLogger(private val interval: Duration, private val clock: TimeSource = TimeSource.Monotonic) {
    private val next = AtomicReference<TimeMark?>(null)

    fun isDue(): Boolean {
        val due = next.get()
        if (due != null && !due.hasPassedNow()) return false
        return next.compareAndSet(due, clock.markNow() + interval) // false: another thread logs it
    }
}
