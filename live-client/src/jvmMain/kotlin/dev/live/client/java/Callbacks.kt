package dev.live.client.java

import dev.live.client.topic.ClientClosedException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asExecutor
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.future.future
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.util.concurrent.CompletableFuture
import java.util.function.Consumer
import kotlin.coroutines.ContinuationInterceptor

/**
 * Adapts flows to callbacks and suspending calls to futures. The scope belongs to the Java client, and uses its
 * executor.
 *
 * The callbacks of one subscription run one at a time and in order, on the executor and never on the thread that
 * reads the socket. If the executor rejects a task, the final callback of the subscription runs on a thread of
 * `Dispatchers.IO`, and futures complete there.
 */
@OptIn(DelicateCoroutinesApi::class)
internal class Callbacks(private val scope: CoroutineScope) {
    private val fallback = FallbackDispatcher(dispatcherOf(scope).asExecutor())

    /**
     * Passes the values of [flow] to [onNext] until closed. A failure of either ends the subscription and goes to
     * [onFailure].
     */
    fun <T> subscribe(flow: Flow<T>, onNext: Consumer<in T>, onFailure: Consumer<in Exception>?): Subscription {
        val job =
            // atomic: a rejection of the first task must also be reported
            scope.launch(CoroutineName("live-callback"), CoroutineStart.ATOMIC) {
                try {
                    flow.collect {
                        ensureActive() // no buffered value is delivered after close()
                        onNext.accept(it)
                    }
                } catch (e: Exception) {
                    // an exception of the listener may be caused by the rejection of another executor
                    val rejection = if (e is CancellationException) rejectionIn(e) else null
                    // a cancellation thrown by the listener, such as that of a future, is a failure
                    if (rejection == null) ensureActive()
                    val failure = rejection ?: e
                    // without onFailure it goes to the uncaught exception handler, so that the end is not silent
                    if (onFailure == null) {
                        throw if (failure is CancellationException) IllegalStateException(e) else failure
                    }
                    onFailure.accept(failure)
                }
            }
        return Subscription { job.cancel() }
    }

    /** Runs [block] asynchronously on the executor, even if the client is closed or the executor rejects the task. */
    fun run(block: () -> Unit) {
        scope.launch(CoroutineName("live-callback") + fallback, CoroutineStart.ATOMIC) { block() }
    }

    /**
     * Runs [block] on the executor and cancels it when the client is closed. Starts it even if the client is closed
     * already.
     */
    fun launch(block: suspend () -> Unit) {
        // atomic: a subscriber must be notified of its end, even if the client is closed already
        scope.launch(CoroutineName("live-publisher"), CoroutineStart.ATOMIC) { block() }
    }

    /**
     * Starts [block] on the caller's thread, until its first suspension. Cancelling the future cancels [block]. The
     * future fails with [ClientClosedException] if the client is closed, before or during the call.
     */
    fun <T> future(block: suspend () -> T): CompletableFuture<T> =
        scope.future(CoroutineName("live-call") + fallback, CoroutineStart.UNDISPATCHED) {
            try {
                block()
            } catch (e: CancellationException) {
                // a cancelled future would mean that its owner cancelled it
                throw if (scope.isActive) e else ClientClosedException("the client is closed")
            }
        }

    /** The same as [future], without a result. A derived future would not pass a cancellation on to the call. */
    @Suppress("UNCHECKED_CAST") // null is a valid Void
    fun call(block: suspend () -> Unit): CompletableFuture<Void> =
        future<Void?> {
            block()
            null
        } as CompletableFuture<Void>
}

private fun dispatcherOf(scope: CoroutineScope): CoroutineDispatcher =
    scope.coroutineContext[ContinuationInterceptor] as? CoroutineDispatcher ?: Dispatchers.Default
