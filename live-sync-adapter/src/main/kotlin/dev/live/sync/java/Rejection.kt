package dev.live.sync.java

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import java.util.concurrent.RejectedExecutionException

/**
 * Runs [block] on [executor].
 *
 * @throws RejectedExecutionException if the executor rejects it
 */
internal suspend fun <T> runOn(executor: CoroutineDispatcher, block: () -> T): T =
    try {
        withContext(executor) { block() }
    } catch (e: CancellationException) {
        throw rejectionIn(e) ?: e
    }

/**
 * Converts a cancellation that the caller did not request into an exception to throw, so that the uncaught exception
 * handler receives it. Causes: the executor rejected a task, which cancels the coroutine, or the application's own code
 * threw a [CancellationException].
 *
 * @throws CancellationException if the caller was cancelled
 */
internal suspend fun failureIn(e: CancellationException): Exception {
    rejectionIn(e)?.let { return it }
    currentCoroutineContext().ensureActive()
    return IllegalStateException(e)
}

private fun rejectionIn(failure: Throwable): RejectedExecutionException? =
    generateSequence(failure) { it.cause }.take(MAX_CAUSES).firstNotNullOfOrNull { it as? RejectedExecutionException }

private const val MAX_CAUSES = 16 // a chain of causes may be cyclic
