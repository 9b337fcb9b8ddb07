package dev.live.server.worker

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.locks.LockSupport
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The threads that run readers and their handlers, which may block.
 *
 * As many workers run as there are cores. Beside each one that waits and does not use the CPU another one runs, up to
 * [limit] threads. If all of them wait, the pool is saturated: readers then run on [readerFallback], so that live's own
 * work goes on, and handlers wait for a thread. A reader waits for its handler, so at most one handler per session
 * waits.
 *
 * One file, because all of it keeps these invariants under [lock]:
 * - A worker is idle, running or replaced, which means that it waits. [running] and [replaced] count them.
 * - A batch with tasks that are not taken is in [queue], or is the batch of a running worker. A batch in the queue may
 *   also be that of workers: [Batch.take] decides.
 * - While the queue is not empty, [parallelism] workers are running, or there are [limit] workers and none is idle.
 *
 * Threads are created on demand, and end after [keepAlive] without a batch, or with [close].
 */
internal class WorkerPool(
    private val limit: Int,
    private val parallelism: Int = Runtime.getRuntime().availableProcessors().coerceAtMost(limit),
    private val keepAlive: Duration = 60.seconds,
    private val readerFallback: CoroutineDispatcher = Dispatchers.Default,
    private val handlerFallback: CoroutineDispatcher = Dispatchers.IO,
    private val start: (Thread) -> Unit = Thread::start,
) {
    private val lock = Any()
    private val queue = ArrayDeque<Batch>()

    /** Workers without a batch, the one that was last active at the end. */
    private val idle = ArrayDeque<Worker>()
    private var running = 0
    private var replaced = 0
    private var created = 0

    /**
     * Workers that may run although there are not as many cores: one for each worker that was replaced in the current
     * look of the watchdog. So if all handlers block, the number of threads doubles with each look.
     */
    private var extra = 0

    /** Null until the first worker is started. */
    @Volatile
    private var watchdog: Watchdog? = null
    private var hasWarned = false
    private val startFailures = RateLimitedErrors("A thread for handlers could not be started.")

    /** Not that of the thread that creates a worker, which may belong to the engine. Null after [close]. */
    private var classLoader: ClassLoader? = Thread.currentThread().contextClassLoader

    /** All workers. Written under [lock], read by any thread. */
    @Volatile
    var workers: List<Worker> = emptyList()
        private set

    @Volatile
    var isClosed: Boolean = false
        private set

    /** Whether a worker is running that may block. */
    val isRunning: Boolean get() = synchronized(lock) { running > 0 }

    private val isSaturated get() = replaced >= limit

    /** Runs the tasks of [batch], on a worker if possible. Any thread; does not block. */
    fun submit(batch: Batch) {
        var woken: Worker? = null
        val isAccepted =
            synchronized(lock) {
                val accepts = !isClosed && (!isSaturated || batch.mayBlock)
                if (accepts) {
                    queue.addLast(batch)
                    woken = activate()
                }
                accepts
            }
        if (isAccepted) wake(woken) else runElsewhere(batch)
    }

    /** Waits for the next batch of [worker]. Returns null if the worker has to end. */
    fun next(worker: Worker): Batch? {
        while (true) {
            synchronized(lock) {
                val batch = if (isClosed) null else takeFor(worker)
                if (batch != null) {
                    worker.batch = batch
                    return batch
                }
                if (worker.isReplaced) markRunning(worker)
                running--
                worker.idleCount++
                if (isClosed) return null.also { workers -= worker }
                worker.isAwake = false
                idle.addLast(worker)
            }
            worker.awaitWakeUp(keepAlive.inWholeNanoseconds)
            synchronized(lock) {
                if (!worker.isAwake) {
                    idle.remove(worker)
                    workers -= worker
                    return null
                }
            }
        }
    }

    /** Called by the watchdog: [worker] waits, so others run beside it, and run the rest of its batch. */
    fun replace(worker: Worker) {
        val woken: Worker?
        val second: Worker?
        var relieved = emptyList<Batch>()
        var isFirstSaturation = false
        synchronized(lock) {
            val batch = worker.batch
            if (isClosed || worker.isReplaced || batch == null) return
            markReplaced(worker)
            batch.isSplit = true
            if (batch.hasMore) queue.addFirst(batch)
            if (isSaturated) {
                relieved = takeReaders()
                isFirstSaturation = !hasWarned
                hasWarned = true
            }
            extra++
            woken = activate()
            second = activate()
        }
        worker.flush() // after it was marked: later calls to event loops are not deferred
        wake(woken)
        wake(second)
        if (isFirstSaturation) warnOfSaturation()
        relieved.forEach(::runElsewhere)
    }

    /** Called by the watchdog at the start of each look. */
    fun resetExtra() {
        synchronized(lock) { extra = 0 }
    }

    /** Called by the watchdog: [worker] no longer waits. */
    fun restore(worker: Worker) {
        synchronized(lock) { if (!isClosed && worker.isReplaced) markRunning(worker) }
    }

    /** Called by the watchdog: [batch] takes long. Others help, if they have nothing else to do. */
    fun share(batch: Batch) {
        val woken =
            synchronized(lock) {
                if (isClosed || !canActivate || !batch.hasMore) return
                queue.addFirst(batch)
                activate()
            }
        wake(woken)
    }

    /**
     * Ends the threads. Workers with a task end after it, and are interrupted, because it may block. All other tasks,
     * and later ones, run on the fallback dispatchers. Does not block.
     */
    fun close() {
        val rest: List<Batch>
        val all: List<Worker>
        synchronized(lock) {
            if (isClosed) return
            isClosed = true
            classLoader = null // an application that is reloaded has a new one
            all = workers
            for (worker in all) {
                if (worker.isReplaced || worker in idle) continue
                markReplaced(worker)
                worker.batch?.let(queue::addLast)
            }
            rest = queue.toList()
            queue.clear()
            for (worker in idle) worker.isAwake = true
            running += idle.size
            idle.clear()
        }
        for (worker in all) {
            worker.flush()
            if (worker.step % 2 != 0) worker.interrupt()
            LockSupport.unpark(worker)
        }
        LockSupport.unpark(watchdog)
        rest.forEach(::runElsewhere)
    }

    /**
     * Removes the next batch for [worker], or one task of a batch whose tasks block. Returns null if there is none, or
     * enough others are running. Called under [lock].
     */
    private fun takeFor(worker: Worker): Batch? {
        if (!worker.isReplaced && running > parallelism + extra) return null
        while (true) {
            val first = queue.firstOrNull() ?: return null
            if (!worker.isReplaced && !first.isSplit) return queue.removeFirst()
            first.isSplit = true
            val task = first.take()
            if (!first.hasMore) queue.removeFirst()
            if (task != null) return first.single(task)
        }
    }

    /** Returns the worker to wake for the queue; null if enough are running. Called under [lock]. */
    private fun activate(): Worker? {
        if (queue.isEmpty() || !canActivate) return null
        val worker = idle.removeLastOrNull() ?: create()
        worker.isAwake = true
        running++
        return worker
    }

    private fun create(): Worker {
        val worker = Worker(this, "live-worker-${++created}")
        worker.contextClassLoader = classLoader
        workers += worker
        return worker
    }

    private val canActivate get() = running < parallelism + extra && (idle.isNotEmpty() || workers.size < limit)

    private fun markRunning(worker: Worker) {
        worker.isReplaced = false
        replaced--
        running++
    }

    private fun markReplaced(worker: Worker) {
        worker.isReplaced = true
        running--
        replaced++
    }

    /** Removes and returns the batches that need no worker. Called under [lock]. */
    private fun takeReaders(): List<Batch> {
        val (handlers, readers) = queue.partition { it.mayBlock }
        queue.clear()
        queue += handlers
        return readers
    }

    private fun warnOfSaturation() {
        log.warn(
            "All {} threads for handlers are blocked, so handlers wait. Set live.session.handlerThreads to allow " +
                "more, or use handlers that block less. This warning is logged once.",
            limit,
        )
    }

    private fun wake(worker: Worker?) {
        if (worker == null) return
        try {
            watch()
            if (worker.state == Thread.State.NEW) start(worker) else LockSupport.unpark(worker)
        } catch (e: Throwable) {
            startFailed(worker, e) // such as an OutOfMemoryError because of a limit of threads
        }
    }

    /** Makes sure that the watchdog looks at the worker that was counted as running before. */
    private fun watch() {
        val current = watchdog ?: synchronized(lock) { watchdog ?: startWatchdog() }
        if (!current.isWatching) LockSupport.unpark(current)
    }

    private fun startWatchdog(): Watchdog {
        val started = Watchdog(this, "live-watchdog").also(start)
        watchdog = started
        return started
    }

    private fun startFailed(worker: Worker, cause: Throwable) {
        val rest =
            synchronized(lock) {
                running--
                workers -= worker
                if (running > 0) emptyList() else queue.toList().also { queue.clear() }
            }
        startFailures.log(cause)
        rest.forEach(::runElsewhere)
    }

    private fun runElsewhere(batch: Batch) {
        val dispatcher = if (batch.mayBlock) handlerFallback else readerFallback
        dispatcher.dispatch(EmptyCoroutineContext, batch)
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.worker")
    }
}
