package dev.live.server.worker

import dev.live.server.topic.ReadLoop
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.launch
import kotlin.coroutines.CoroutineContext

/**
 * Runs the readers of sessions on the workers of [pool]. All readers that one turn of an event loop resumes go to one
 * worker in one batch, at the end of the turn.
 *
 * A reader calls a handler in place if it runs on a worker, else on [handlers].
 */
internal class ReaderDispatcher(private val pool: WorkerPool) : CoroutineDispatcher() {
    /** Runs handlers: after they were suspended, and those of readers that do not run on a worker. */
    val handlers: CoroutineDispatcher = HandlerDispatcher(pool)

    /** The readers that the turn of an event loop has resumed. Null for other threads. */
    private val turns = ThreadLocal<Turn?>()

    override fun dispatch(context: CoroutineContext, block: Runnable) {
        // a worker is marked with an event loop, but has no turns
        val loop = if (Worker.isCurrent) null else ReadLoop.current
        if (pool.isClosed) turns.remove() // a thread of the engine outlives the pool if the application is reloaded
        if (loop == null || pool.isClosed) pool.submit(Batch.of(block, mayBlock = false)) else turnOf(loop).add(block)
    }

    private fun turnOf(loop: ReadLoop): Turn = turns.get() ?: Turn(loop, pool).also(turns::set)

    /** Not an inner class: with a reference to [turns], which refers to it, neither could be removed from memory. */
    private class Turn(private val loop: ReadLoop, private val pool: WorkerPool) : Runnable {
        /**
         * Guarded by this object: an event loop that has stopped runs its tasks elsewhere, perhaps while its thread
         * still closes connections.
         */
        private var tasks: ArrayList<Runnable?>? = null

        fun add(task: Runnable) {
            synchronized(this) {
                tasks?.let {
                    it += task
                    return
                }
                tasks = arrayListOf(task)
            }
            try {
                loop.runAfterRead(this)
            } catch (_: Throwable) {
                run() // an event loop that has stopped rejects it. Its readers must end
            }
        }

        override fun run() {
            val batch = synchronized(this) { tasks.also { tasks = null } } ?: return
            pool.submit(Batch(batch, loop))
        }
    }
}

/** Runs application code on the workers of [pool]. Each task is a batch of its own, so that others can run it. */
internal class HandlerDispatcher(private val pool: WorkerPool) : CoroutineDispatcher() {
    override fun dispatch(context: CoroutineContext, block: Runnable) {
        pool.submit(Batch.of(block, mayBlock = true))
    }
}

/** Returns a dispatcher for readers on at most [threads] threads, which end with this scope. */
internal fun CoroutineScope.readersOnWorkers(threads: Int): ReaderDispatcher {
    val pool = WorkerPool(threads)
    launch(CoroutineName("live-workers"), CoroutineStart.UNDISPATCHED) {
        try {
            awaitCancellation()
        } finally {
            pool.close()
        }
    }
    return ReaderDispatcher(pool)
}
