package dev.live.client.java.flow

import dev.live.client.java.Callbacks
import dev.live.client.java.rejectionIn
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.job
import java.util.concurrent.Flow
import java.util.concurrent.atomic.AtomicLong
import java.util.concurrent.atomic.AtomicReference

/**
 * Publishes a flow, which is collected separately for each subscriber, on the executor of [callbacks].
 *
 * Does not use kotlinx-coroutines-jdk9: its publishers ignore `request(0)`, which must cause `onError` by the
 * Reactive Streams rules, and it would add two jars to every user's dependencies.
 *
 * @param isNewestOnly whether a newer value replaces a value that waits for demand
 */
internal class FlowPublisher<T : Any>(
    private val source: kotlinx.coroutines.flow.Flow<T>,
    private val callbacks: Callbacks,
    private val isNewestOnly: Boolean,
) : Flow.Publisher<T> {
    override fun subscribe(subscriber: Flow.Subscriber<in T>) {
        val subscription = DemandSubscription(subscriber)
        callbacks.launch {
            subscription.deliver { take ->
                if (isNewestOnly) source.collectLatest { rethrowRejection { take(it) } } else source.collect(take)
            }
        }
    }

    /** Rethrows a rejection, because a cancellation would only end the coroutine of this value and lose it silently. */
    private suspend fun rethrowRejection(take: suspend () -> Unit) {
        try {
            take()
        } catch (e: CancellationException) {
            throw rejectionIn(e) ?: e
        }
    }
}

/** The demand and the end of one subscriber. [request] and [cancel] are thread-safe. */
private class DemandSubscription<T : Any>(private val subscriber: Flow.Subscriber<in T>) : Flow.Subscription {
    private val demand = AtomicLong()
    private val demandAdded = Channel<Unit>(Channel.CONFLATED)
    private val end = AtomicReference<End?>()
    private lateinit var job: Job // set before onSubscribe

    override fun request(n: Long) {
        if (n <= 0) return endWith(End(IllegalArgumentException("request must be at least 1, was $n")))
        demand.updateAndGet { (it + n).takeIf { sum -> sum > 0 } ?: Long.MAX_VALUE } // overflow: unlimited
        demandAdded.trySend(Unit)
    }

    override fun cancel(): Unit = endWith(End(misuse = null))

    /** Emits all signals sequentially, from `onSubscribe` to the final one. */
    suspend fun deliver(collect: suspend (suspend (T) -> Unit) -> Unit) {
        job = currentCoroutineContext().job
        subscriber.onSubscribe(this)
        var failure: Exception? = null
        try {
            collect { value ->
                awaitDemand()
                subscriber.onNext(value)
            }
        } catch (e: CancellationException) {
            // thrown by the subscriber, such as that of a future, or caused by a rejection of the executor
            failure = rejectionIn(e) ?: e.takeIf { job.isActive }
        } catch (e: Exception) {
            failure = e
        }
        val ended = end.get()
        val error = if (ended == null) failure else ended.misuse
        when {
            error != null -> subscriber.onError(error)
            ended == null -> subscriber.onComplete()
        }
        job.ensureActive()
    }

    private suspend fun awaitDemand() {
        while (demand.get() == 0L) demandAdded.receive()
        job.ensureActive() // no buffered value is delivered after cancel()
        demand.updateAndGet { if (it == Long.MAX_VALUE) it else it - 1 }
    }

    /** The first end counts; later requests and cancellations are ignored. */
    private fun endWith(next: End) {
        if (end.compareAndSet(null, next)) job.cancel()
    }

    private class End(val misuse: IllegalArgumentException?)
}
