package dev.live.server.session

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicReference
import kotlin.coroutines.Continuation
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn
import kotlin.time.Duration

/**
 * Where code of the application runs for as long as it may take, one call at a time.
 *
 * A call needs a job to be stopped by, and a timer. One job serves call after call until it has stopped one, and a timer
 * is set when a call suspends: most never do, and what does not suspend could not be stopped by a timer. Both made for
 * each message would take longer than decoding it does.
 *
 * @param parent the context of whoever calls; what cancels that cancels the call
 */
internal class HandlerTimeoutScope(parent: CoroutineContext) {
    private val job = SupervisorJob(parent[Job])
    private val context = parent + job

    /** Whether it can take another call. */
    val isOpen: Boolean get() = job.isActive

    /** Whether a call that is under way here is the coroutine of [caller], or has started it and waits for it. */
    @OptIn(ExperimentalCoroutinesApi::class)
    fun runs(caller: Job?): Boolean = generateSequence(caller) { it.parent }.any { it === job }

    /** What [block] returns, or null if it took longer than [timeout]; then it was cancelled and has ended. */
    suspend fun <T : Any> call(timeout: Duration, block: suspend () -> T): T? =
        suspendCoroutineUninterceptedOrReturn { caller ->
            val call = Call(timeout, caller)
            val result = block.startCoroutineUninterceptedOrReturn(call)
            if (result === COROUTINE_SUSPENDED) call.watch()
            result
        }

    /** Takes no more calls. */
    fun close() {
        job.complete()
    }

    private inner class Call<T : Any>(private val timeout: Duration, private val caller: Continuation<T?>) :
        Continuation<T> {
        /** The timer, then how it ended; null while there is none. */
        private val timer = AtomicReference<Job?>()

        override val context: CoroutineContext get() = this@HandlerTimeoutScope.context

        override fun resumeWith(result: Result<T>) {
            val timer = timer.getAndSet(STOPPED)
            if (timer === FIRED) job.cancel() else timer?.cancel() // it may have fired and not come to that yet
            caller.resumeWith(if (timer === FIRED) Result.success(null) else result)
        }

        /** Sets the timer, unless the call has gone on on another thread meanwhile and is over. */
        fun watch() {
            val fresh = CoroutineScope(context).launch(start = CoroutineStart.LAZY) {
                delay(timeout)
                // only whoever is first: the lane may be another call's already
                if (timer.compareAndSet(coroutineContext.job, FIRED)) job.cancel()
            }
            if (timer.compareAndSet(null, fresh)) fresh.start() else fresh.cancel()
        }
    }

    private companion object {
        val STOPPED: Job = Job().apply { cancel() }
        val FIRED: Job = Job().apply { cancel() }
    }
}
