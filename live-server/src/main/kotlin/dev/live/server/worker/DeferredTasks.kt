package dev.live.server.worker

import kotlinx.coroutines.Runnable
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.Executor

/**
 * Tasks for event loops that wait for the end of a worker's batch. Each loop then receives all of its tasks as one.
 *
 * Not thread-safe: guarded by the worker.
 */
internal class DeferredTasks {
    private val groups = ArrayList<Group>(1)

    /** Adds [task], unless it is the last one of [executor]. */
    fun add(executor: Executor, task: Runnable) {
        // there are about as many event loops as cores, and a batch usually calls one of them
        for (group in groups) if (group.executor === executor) return group.add(task)
        groups += Group(executor).apply { add(task) }
    }

    /** Passes all tasks to their event loops. */
    fun flush() {
        for (group in groups) group.submit()
        groups.clear()
    }

    private class Group(val executor: Executor) : Runnable {
        private val tasks = ArrayList<Runnable>(2)

        fun add(task: Runnable) {
            if (tasks.lastOrNull() !== task) tasks += task
        }

        fun submit(): Unit = logFailure { executor.execute(tasks.singleOrNull() ?: this) }

        override fun run() {
            for (task in tasks) logFailure { task.run() }
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.worker")

        inline fun logFailure(block: () -> Unit) {
            try {
                block()
            } catch (e: Throwable) {
                log.error("A task of an event loop failed.", e) // the tasks after it must run
            }
        }
    }
}
