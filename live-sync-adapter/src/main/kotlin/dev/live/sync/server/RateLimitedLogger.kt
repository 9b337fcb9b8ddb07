package dev.live.sync.server

import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/** Lets one line a while into the log: what fails for every scope and client must not fill a disk. Any thread. */
internal class RateLimitedLogger(private val every: Duration, private val clock: TimeSource = TimeSource.Monotonic) {
    private val next = AtomicReference<TimeMark?>(null)

    fun isDue(): Boolean {
        val due = next.get()
        if (due != null && !due.hasPassedNow()) return false
        return next.compareAndSet(due, clock.markNow() + every) // false: another thread has just said it
    }
}
