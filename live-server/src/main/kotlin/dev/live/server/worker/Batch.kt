package dev.live.server.worker

import dev.live.server.topic.ReadLoop
import kotlinx.coroutines.Runnable
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicInteger

/**
 * Tasks for a worker, such as those of one turn of an event loop. Each task belongs to another session, so they may run
 * in any order. Several workers may take from it: each task is taken once.
 *
 * @property loop the event loop that has handed it over; null if another thread has
 * @property mayBlock whether a task is application code. Other tasks are readers of sessions: they call handlers only
 *   on a worker, and never block elsewhere
 */
internal class Batch(
    private val tasks: ArrayList<Runnable?>,
    val loop: ReadLoop? = null,
    val mayBlock: Boolean = false,
) : Runnable {
    private val taken = AtomicInteger()

    /** Whether a task blocked its worker. Others then take its tasks one at a time. Guarded by the pool's lock. */
    var isSplit: Boolean = false

    val hasMore: Boolean get() = taken.get() < tasks.size

    /** Returns the next task, or null if all are taken. */
    fun take(): Runnable? {
        if (!hasMore) return null
        val index = taken.getAndIncrement()
        if (index >= tasks.size) return null
        // only the thread that has taken it accesses this element. A blocked worker must not keep the others in memory
        return tasks[index].also { tasks[index] = null }
    }

    /** A batch of [task], which was taken from this one. */
    fun single(task: Runnable): Batch = Batch(arrayListOf(task), loop, mayBlock)

    /** Runs all tasks that are left, on a thread that is not a worker. */
    override fun run() {
        while (true) runTask(take() ?: return)
    }

    companion object {
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.worker")

        /** Runs [task] and logs its failure, because the tasks after it must run. */
        fun runTask(task: Runnable) {
            try {
                task.run()
            } catch (e: Throwable) {
                log.error("A task of a session failed.", e)
            }
        }

        fun of(task: Runnable, mayBlock: Boolean): Batch =
            Batch(ArrayList<Runnable?>(1).apply { add(task) }, mayBlock = mayBlock)
    }
}
