package dev.live.fuzz

import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestCoroutineScheduler
import kotlinx.coroutines.test.TestDispatcher
import kotlin.time.Duration

/** One thread with a virtual clock, which the input advances, for all coroutines of a target. */
@OptIn(ExperimentalCoroutinesApi::class)
internal class VirtualTime {
    private val scheduler = TestCoroutineScheduler()
    private var failure: Throwable? = null

    val dispatcher: TestDispatcher = StandardTestDispatcher(scheduler)
    val scope: CoroutineScope =
        CoroutineScope(
            dispatcher + SupervisorJob() + CoroutineExceptionHandler { _, e -> if (failure == null) failure = e },
        )
    val timeSource get() = scheduler.timeSource

    /** The virtual time in milliseconds. */
    val now: Long get() = scheduler.currentTime

    /** Runs all coroutines that are ready. */
    fun run() {
        scheduler.runCurrent()
        check()
    }

    fun advance(time: Duration) {
        scheduler.advanceTimeBy(time)
        run()
    }

    /** Cancels all remaining coroutines. */
    fun end() {
        scope.cancel()
        run()
    }

    private fun check() {
        failure?.let { throw AssertionError("a coroutine failed", it) }
        ErrorLog.check()
    }
}
