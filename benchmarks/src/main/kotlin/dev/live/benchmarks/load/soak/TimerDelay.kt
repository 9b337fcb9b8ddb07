package dev.live.benchmarks.load.soak

import java.util.concurrent.locks.LockSupport
import kotlin.concurrent.thread

/** Measures the wake-up delay of a thread that waits for 5 ms. It shows the load of the machine from all processes. */
internal class TimerDelay {
    val delays = Latencies()

    init {
        thread(isDaemon = true, name = "soak-timer") {
            while (true) {
                val due = System.nanoTime() + PERIOD_NANOS
                while (System.nanoTime() < due) LockSupport.parkNanos(due - System.nanoTime())
                delays.record(System.nanoTime() - due)
            }
        }
    }

    private companion object {
        const val PERIOD_NANOS = 5_000_000L
    }
}
