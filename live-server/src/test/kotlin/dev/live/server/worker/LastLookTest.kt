package dev.live.server.worker

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import java.lang.Thread.State

private const val MILLI = 1_000_000L

class LastLookTest : FunSpec({

    for (state in listOf(State.BLOCKED, State.WAITING, State.TIMED_WAITING)) {
        test("a worker that is $state and did not use the CPU waits, at the first look and however late it is") {
            LastLook().isWaiting(state, usedNanos = 0, elapsed = MILLI) shouldBe true
            LastLook().isWaiting(state, usedNanos = MILLI, elapsed = 10 * MILLI) shouldBe true
        }
    }

    test("a worker that uses the CPU does not wait, whatever its state is at the look") {
        for (state in State.entries) LastLook().isWaiting(state, usedNanos = MILLI / 2, elapsed = MILLI) shouldBe false
    }

    test("a runnable worker waits after three looks in a row without the CPU, because one may only lack a core") {
        val worker = LastLook()

        worker.runnable(used = 0) shouldBe false
        worker.runnable(used = 0) shouldBe false
        worker.runnable(used = MILLI) shouldBe false
        worker.runnable(used = 0) shouldBe false
        worker.runnable(used = 0) shouldBe false
        worker.runnable(used = 0) shouldBe true
        worker.runnable(used = 0) shouldBe true
    }

    test("late looks do not count for a runnable worker, because the machine is busy") {
        val worker = LastLook()

        repeat(10) { worker.runnable(used = 0, elapsed = 3 * MILLI) shouldBe false }
    }

    test("looks before the worker was idle do not count") {
        val worker = LastLook()
        repeat(2) { worker.runnable(used = 0) }

        worker.wasIdle()

        worker.runnable(used = 0) shouldBe false
    }
})

private fun LastLook.runnable(used: Long, elapsed: Long = MILLI) = isWaiting(State.RUNNABLE, used, elapsed)
