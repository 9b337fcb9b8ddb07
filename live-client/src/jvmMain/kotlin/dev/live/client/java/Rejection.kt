package dev.live.client.java

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.runInterruptible
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import kotlin.coroutines.CoroutineContext

// The application's executor may reject tasks, because its queue is full or it was shut down. A rejected task cancels
// its coroutine, which looks like a requested cancellation.

/** The rejection that cancelled a coroutine with [failure], or null. */
internal fun rejectionIn(failure: Throwable): RejectedExecutionException? =
    generateSequence(failure) { it.cause }.take(MAX_CAUSES).firstNotNullOfOrNull { it as? RejectedExecutionException }

/**
 * Runs [block] on [executor], and interrupts it when the caller is cancelled.
 *
 * @throws RejectedExecutionException if [executor] rejects the task
 */
internal suspend fun <T> runOn(executor: CoroutineDispatcher, block: () -> T): T =
    try {
        runInterruptible(executor, block)
    } catch (e: CancellationException) {
        throw rejectionIn(e) ?: e
    }

/** Runs tasks on [executor], and on `Dispatchers.IO` those that it rejects: no task is lost. */
internal class FallbackDispatcher(private val executor: Executor) : CoroutineDispatcher() {
    override fun dispatch(context: CoroutineContext, block: Runnable) {
        try {
            executor.execute(block)
        } catch (_: RejectedExecutionException) {
            Dispatchers.IO.dispatch(context, block)
        }
    }
}

private const val MAX_CAUSES = 16 // a chain of causes may be cyclic
