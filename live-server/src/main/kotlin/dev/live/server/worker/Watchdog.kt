package dev.live.server.worker

import java.util.concurrent.locks.LockSupport

/**
 * Looks at the workers about once per millisecond, and lets others run beside those that do not use the CPU: they wait
 * for a database, a lock or the network. So the number of running workers fits handlers that block for a long time, for
 * a short time, or never. A task that uses the CPU for several looks does not keep the others from running either.
 *
 * The thread state cannot replace the CPU time: a thread that reads from a socket is runnable. So is one that waits for
 * its turn on a core, so it counts as waiting after several looks only.
 *
 * It sleeps while no worker runs.
 */
internal class Watchdog(private val pool: WorkerPool, name: String) : Thread(null, null, name, 0, false) {
    /** Whether it looks at the workers; if not, a running worker has to wake it. Written by this thread. */
    @Volatile
    var isWatching: Boolean = true
        private set

    /** Looks in a row at which no worker had a batch. Only accessed by this thread, like the next fields. */
    private var quietLooks = 0
    private var lastTime = System.nanoTime()

    /** Null if this JVM does not measure the CPU time of threads precisely. Opened by this thread: it takes time. */
    private var clock: CpuClock? = null
    private val failures = RateLimitedErrors("The check for blocked handlers failed.")

    init {
        isDaemon = true
    }

    override fun run() {
        clock = CpuClock.open()
        lastTime = System.nanoTime()
        while (!pool.isClosed) {
            try {
                if (quietLooks < MAX_QUIET_LOOKS) LockSupport.parkNanos(this, PERIOD_NANOS) else sleepUntilWoken()
                interrupted() // an interrupted thread does not park
                look()
            } catch (e: Throwable) {
                failures.log(e) // without it, a blocked handler delays others
            }
        }
    }

    private fun sleepUntilWoken() {
        isWatching = false
        // after that: a worker that was not woken before is seen here, a later one wakes this thread
        while (!pool.isRunning && !pool.isClosed) {
            interrupted()
            LockSupport.park(this)
        }
        isWatching = true
        quietLooks = 0
    }

    private fun look() {
        pool.resetExtra()
        val now = System.nanoTime()
        val elapsed = now - lastTime
        lastTime = now
        quietLooks++
        for (worker in pool.workers) if (worker.batch != null || worker.lastLook.batch != null) look(worker, elapsed)
    }

    private fun look(worker: Worker, elapsed: Long) {
        val last = worker.lastLook
        val batch = worker.batch
        val step = worker.step
        val idleCount = worker.idleCount
        val cpuNanos = cpuNanos(worker, isSameStep = step == last.step)
        val usedNanos = cpuNanos - last.cpuNanos
        val wasBusy = batch != null && last.batch != null && idleCount == last.idleCount
        val isSameBatch = batch === last.batch
        last.sameTask = if (wasBusy && step == last.step && step % 2 != 0) last.sameTask + 1 else 0
        last.batch = batch
        last.step = step
        last.idleCount = idleCount
        last.cpuNanos = cpuNanos
        if (batch == null) return
        if (!worker.isReplaced || usedNanos > elapsed / 4) quietLooks = 0
        if (!wasBusy) return last.wasIdle()
        val isWaiting = last.isWaiting(worker.state, usedNanos, elapsed)
        val isLong = last.sameTask >= MAX_LOOKS_PER_TASK
        if (worker.isReplaced) {
            if (!isLong && usedNanos > elapsed / 2) pool.restore(worker)
        } else if (isLong || isWaiting) {
            pool.replace(worker)
        } else if (isSameBatch) {
            worker.flush()
            pool.share(batch)
        }
    }

    /** If the JVM does not measure it, a worker uses the CPU if it has begun or ended a task. */
    private fun cpuNanos(worker: Worker, isSameStep: Boolean): Long =
        clock?.nanosOf(worker) ?: if (isSameStep) worker.lastLook.cpuNanos else System.nanoTime()

    private companion object {
        const val PERIOD_NANOS = 1_000_000L

        /** A task that uses the CPU for so long gets another worker beside it. */
        const val MAX_LOOKS_PER_TASK = 5

        /** A server with a message now and then should neither wake this thread each time nor keep it awake. */
        const val MAX_QUIET_LOOKS = 10
    }
}
