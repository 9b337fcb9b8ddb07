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
 * Runs application code with a timeout, one call at a time.
 *
 * A call needs a job to cancel, and a timer. The job is reused until a timeout has cancelled it. The timer is set when
 * a call suspends: most calls never do, and a timer could not stop a call that does not suspend. Creating both for each
 * message would take longer than decoding it.
 *
 * @param parent the caller's context; cancelling it cancels the call
 */
internal class HandlerTimeoutScope(parent: CoroutineContext) {
    private val job = SupervisorJob(parent[Job])
    private val context = parent + job

    /** Whether it can run another call. */
    val isOpen: Boolean get() = job.isActive

    /** Whether [caller] is the job of the current call, or a descendant of it. */
    @OptIn(ExperimentalCoroutinesApi::class)
    fun contains(caller: Job?): Boolean = generateSequence(caller) { it.parent }.any { it === job }

    /**
     * Returns the result of [block], or null if it took longer than [timeout]; [block] is then cancelled and has ended.
     */
    suspend fun <T : Any> call(timeout: Duration, block: suspend () -> T): T? =
        suspendCoroutineUninterceptedOrReturn { caller ->
            val call = Call(timeout, caller)
            val result = block.startCoroutineUninterceptedOrReturn(call)
            if (result === COROUTINE_SUSPENDED) call.startTimer()
            result
        }

    /** Accepts no more calls. */
    fun close() {
        job.complete()
    }

    private inner class Call<T : Any>(private val timeout: Duration, private val caller: Continuation<T?>) :
        Continuation<T> {
        /** The timer, then [FIRED] or [STOPPED]; null if there is none. */
        private val timer = AtomicReference<Job?>()

        override val context: CoroutineContext get() = this@HandlerTimeoutScope.context

        override fun resumeWith(result: Result<T>) {
            val timer = timer.getAndSet(STOPPED)
            // the timer may have fired without having cancelled the job yet
            if (timer === FIRED) job.cancel() else timer?.cancel()
            caller.resumeWith(if (timer === FIRED) Result.success(null) else result)
        }

        /** Sets the timer, unless the call has already completed on another thread. */
        fun startTimer() {
            val fresh = CoroutineScope(context).launch(start = CoroutineStart.LAZY) {
                delay(timeout)
                // only if the timer won the race: the scope may already run another call
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
