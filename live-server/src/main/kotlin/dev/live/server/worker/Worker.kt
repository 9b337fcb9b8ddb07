package dev.live.server.worker

import dev.live.server.topic.ReadLoop
import kotlinx.coroutines.Runnable
import java.util.concurrent.Executor
import java.util.concurrent.locks.LockSupport

/**
 * A thread that runs batches of readers and handlers. Its tasks may block.
 *
 * The calls of a batch to event loops wait for its end. They do not wait for a blocked task: the [Watchdog] passes them
 * on, and from then on the worker calls event loops directly.
 */
internal class Worker(private val pool: WorkerPool, name: String) : Thread(null, null, name, 0, false) {
    /** The current batch; null while it waits for one. Set under the pool's lock, cleared by this thread. */
    @Volatile
    var batch: Batch? = null

    /** Odd while a task runs; increases with each start and end of a task. Written by this thread. */
    @Volatile
    var step: Int = 0
        private set

    /**
     * Whether it waits for something else than the CPU, so that another one runs beside it. It then takes one task at a
     * time, and calls event loops at once. Written under the pool's lock.
     */
    @Volatile
    var isReplaced: Boolean = false

    /** Whether it may look for a batch. Written under the pool's lock. */
    @Volatile
    var isAwake: Boolean = true

    /** How often it had no batch. Written under the pool's lock. */
    @Volatile
    var idleCount: Int = 0

    /** Only accessed by the watchdog. */
    val lastLook: LastLook = LastLook()

    /** Guarded by itself. */
    private val deferred = DeferredTasks()

    /** The event loop of its last batch. Only accessed by this thread. */
    private var loop: ReadLoop? = null

    init {
        isDaemon = true
    }

    override fun run() {
        while (true) {
            val batch = pool.next(this) ?: return
            useLoop(batch.loop)
            do runTask(batch.take() ?: break) while (!isReplaced)
            this.batch = null
            flush()
        }
    }

    /** Topics that are published to or subscribed to by the batch are delivered on its event loop. */
    private fun useLoop(loop: ReadLoop?) {
        if (loop == null || loop === this.loop) return
        this.loop = loop
        ReadLoop.register(loop)
    }

    private fun runTask(task: Runnable) {
        step++
        // closing the pool interrupts workers with a task: this one may just have begun it
        if (pool.isClosed) interrupt()
        Batch.runTask(task)
        interrupted() // a handler may leave it set, and later handlers are not interrupted
        step++
    }

    /** Waits until it is awake, for at most [nanos]. Only called by this thread. */
    fun awaitWakeUp(nanos: Long) {
        val end = System.nanoTime() + nanos
        while (!isAwake) {
            val rest = end - System.nanoTime()
            if (rest <= 0) return
            interrupted() // an interrupted thread does not park
            LockSupport.parkNanos(pool, rest)
        }
    }

    /** Passes on the calls to event loops that wait for the end of the batch. Any thread. */
    fun flush(): Unit = synchronized(deferred) { deferred.flush() }

    // The check and the addition are one step: [WorkerPool] sets isReplaced before it flushes
    private fun defer(executor: Executor, task: Runnable): Boolean =
        synchronized(deferred) {
            if (batch == null || isReplaced) return false
            deferred.add(executor, task)
            true
        }

    companion object {
        /** Whether the calling thread is a worker, whose tasks may block. */
        val isCurrent: Boolean get() = currentThread() is Worker

        /**
         * Passes [task] to [executor] at the end of the calling worker's batch, but not twice in a row. Returns false,
         * and does nothing, if the caller has to do that at once.
         */
        fun defer(executor: Executor, task: Runnable): Boolean {
            val worker = currentThread() as? Worker ?: return false
            return worker.defer(executor, task)
        }
    }
}
