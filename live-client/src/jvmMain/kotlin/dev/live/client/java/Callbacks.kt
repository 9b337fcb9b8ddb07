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
 * Bridges flows to callbacks and suspending calls to futures. The scope is the Java client's, on its executor.
 *
 * One callback of a subscription runs at a time and in order, on the executor and never on the thread that reads the
 * socket. Where the executor takes no task, the last word of what ends by that, and what is no fault of the executor's,
 * comes on a thread of `Dispatchers.IO`.
 */
@OptIn(DelicateCoroutinesApi::class)
internal class Callbacks(private val scope: CoroutineScope) {
    private val fallback = FallbackDispatcher(dispatcherOf(scope).asExecutor())

    /** Hands what [flow] emits to [onNext], until closed; a failure of either ends it and goes to [onFailure]. */
    fun <T> subscribe(flow: Flow<T>, onNext: Consumer<in T>, onFailure: Consumer<in Exception>?): Subscription {
        val job =
            // atomic: it has to tell too that the executor did not take its first step
            scope.launch(CoroutineName("live-callback"), CoroutineStart.ATOMIC) {
                try {
                    flow.collect {
                        ensureActive() // what waits in a buffer does not come after close()
                        onNext.accept(it)
                    }
                } catch (e: Exception) {
                    // the listener's own exception may have the rejection of another executor as its cause
                    val rejection = if (e is CancellationException) rejectionIn(e) else null
                    // a cancellation of the listener's own, such as that of a future, is its failure
                    if (rejection == null) ensureActive()
                    val failure = rejection ?: e
                    // without a listener it goes where uncaught exceptions go: silence would hide the end
                    if (onFailure ==
                        null
                    ) {
                        throw if (failure is CancellationException) IllegalStateException(e) else failure
                    }
                    onFailure.accept(failure)
                }
            }
        return Subscription { job.cancel() }
    }

    /** Runs [block] on the executor, soon, whatever becomes of the client and of the executor. */
    fun run(block: () -> Unit) {
        scope.launch(CoroutineName("live-callback") + fallback, CoroutineStart.ATOMIC) { block() }
    }

    /** Runs [block] on the executor, cancelled when the client is closed: also where it is closed already. */
    fun runToTheEnd(block: suspend () -> Unit) {
        // atomic: a subscriber has to be told its end, which a coroutine that never starts could not do
        scope.launch(CoroutineName("live-publisher"), CoroutineStart.ATOMIC) { block() }
    }

    /**
     * Starts [block] in the caller's thread, up to where it first waits; cancelling the future cancels it. It fails
     * with [ClientClosedException] when the client is closed, and where it is closed already.
     */
    fun <T> future(block: suspend () -> T): CompletableFuture<T> =
        scope.future(CoroutineName("live-call") + fallback, CoroutineStart.UNDISPATCHED) {
            try {
                block()
            } catch (e: CancellationException) {
                // a future that is cancelled says that its owner did that, who did not
                throw if (scope.isActive) e else ClientClosedException("the client is closed")
            }
        }

    /** As [future], for what has no result: of one that is derived, cancelling would not reach the call. */
    @Suppress("UNCHECKED_CAST") // null is a Void
    fun call(block: suspend () -> Unit): CompletableFuture<Void> =
        future<Void?> {
            block()
            null
        } as CompletableFuture<Void>
}

private fun dispatcherOf(scope: CoroutineScope): CoroutineDispatcher =
    scope.coroutineContext[ContinuationInterceptor] as? CoroutineDispatcher ?: Dispatchers.Default
