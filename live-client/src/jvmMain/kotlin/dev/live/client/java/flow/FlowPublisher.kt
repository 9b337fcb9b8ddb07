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
 * A flow that is collected anew for each subscriber, on the executor of [callbacks].
 *
 * Not kotlinx-coroutines-jdk9: its publishers pass over a `request(0)`, which the rules have answered by `onError`, and it
 * would bring two more jars to every user for these lines.
 *
 * @param isNewestOnly whether a value that waits to be requested gives way to a newer one
 */
internal class FlowPublisher<T : Any>(
    private val source: kotlinx.coroutines.flow.Flow<T>,
    private val callbacks: Callbacks,
    private val isNewestOnly: Boolean,
) : Flow.Publisher<T> {
    override fun subscribe(subscriber: Flow.Subscriber<in T>) {
        val subscription = DemandSubscription(subscriber)
        callbacks.runToTheEnd {
            subscription.deliver { take ->
                if (isNewestOnly) source.collectLatest { orRejected { take(it) } } else source.collect(take)
            }
        }
    }

    /** A cancellation would end but the coroutine of this one value, and nobody would know that it is missing. */
    private suspend fun orRejected(take: suspend () -> Unit) {
        try {
            take()
        } catch (e: CancellationException) {
            throw rejectionIn(e) ?: e
        }
    }
}

/** What one subscriber has requested, and how it ends. Any thread may request and cancel. */
private class DemandSubscription<T : Any>(private val subscriber: Flow.Subscriber<in T>) : Flow.Subscription {
    private val demand = AtomicLong()
    private val more = Channel<Unit>(Channel.CONFLATED)
    private val end = AtomicReference<End?>()
    private lateinit var job: Job // there before the subscriber is

    override fun request(n: Long) {
        if (n <= 0) return endWith(End(IllegalArgumentException("request must be at least 1, was $n")))
        demand.updateAndGet { (it + n).takeIf { sum -> sum > 0 } ?: Long.MAX_VALUE } // more than there are longs is all
        more.trySend(Unit)
    }

    override fun cancel(): Unit = endWith(End(misuse = null))

    /** Signals everything, one after the other: from `onSubscribe` to what ends it. */
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
            // of the subscriber's own, such as that of a future, or because the executor did not take it
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
        while (demand.get() == 0L) more.receive()
        job.ensureActive() // what waits in a buffer does not come after cancel()
        demand.updateAndGet { if (it == Long.MAX_VALUE) it else it - 1 }
    }

    /** The first end counts: after it the subscriber has no more to say. */
    private fun endWith(how: End) {
        if (end.compareAndSet(null, how)) job.cancel()
    }

    private class End(val misuse: IllegalArgumentException?)
}
