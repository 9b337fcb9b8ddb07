package dev.live.server.worker

/** The state of a worker at the last look of the watchdog. Only accessed by the watchdog. */
internal class LastLook {
    var batch: Batch? = null
    var step: Int = 0
    var idleCount: Int = 0
    var cpuNanos: Long = 0

    /** Looks in a row at which the same task was running. */
    var sameTask: Int = 0

    /** Looks in a row at which the worker was runnable and did not use the CPU. */
    private var idleRunnable: Int = 0

    /**
     * Whether the worker waits for something else than the CPU, and not only for its turn on a core. Called at each
     * look at a worker that had a batch at the look before.
     *
     * A thread that reads from a socket is [Thread.State.RUNNABLE], as one that waits for its turn.
     *
     * @param usedNanos the CPU time since the last look, which was [elapsed] nanoseconds ago
     */
    fun isWaiting(state: Thread.State, usedNanos: Long, elapsed: Long): Boolean {
        val isOffCpu = usedNanos <= elapsed / 4
        // if the watchdog is late, the machine is busy: a worker that could run has perhaps got no core
        val isIdleRunnable = isOffCpu && state == Thread.State.RUNNABLE && elapsed < LATE_NANOS
        idleRunnable = if (isIdleRunnable) idleRunnable + 1 else 0
        return isOffCpu && (state != Thread.State.RUNNABLE || idleRunnable >= MAX_IDLE_RUNNABLE)
    }

    /** The worker had no batch. */
    fun wasIdle() {
        idleRunnable = 0
    }

    private companion object {
        /** The watchdog looks once per millisecond. */
        const val LATE_NANOS = 3_000_000L

        /** A worker that waits for its turn gets it within about this many looks, unless the machine is very busy. */
        const val MAX_IDLE_RUNNABLE = 3
    }
}
