package dev.live.test

import dev.live.protocol.LiveException
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ChannelResult
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration

/**
 * What one client was sent, in order, to be taken one by one. Made by `received` in a [LiveTest].
 *
 * It takes what comes as it comes, so a test that does not take everything holds up nobody. Nothing fails when
 * something is left over: to show that something did not arrive, publish something else behind it and take that next.
 * Only when 10,000 messages wait to be taken and one more comes does the test fail, with an [AssertionError] that says
 * so: nothing is dropped, and a flood does not end up in the heap.
 */
public class Received<T> internal constructor(private val source: String, private val timeout: Duration) {
    private val values = Channel<T>(CAPACITY)
    private lateinit var job: Job

    /**
     * Takes the next, and waits for it if need be.
     *
     * @throws AssertionError if nothing came in time, or the flow ended
     * @throws LiveException if the flow failed, such as with the server's refusal
     */
    public suspend fun next(): T {
        val result =
            withTimeoutOrNull(timeout) { values.receiveCatching() }
                ?: throw AssertionError("nothing was received from $source within $timeout")
        return result.valueOrFailure()
    }

    /** Takes the next [count], in order; otherwise as [next]. */
    public suspend fun next(count: Int): List<T> = List(count) { next() }

    /** Takes what is here now, without waiting. */
    public fun taken(): List<T> = generateSequence { values.tryReceive().getOrNull() }.toList()

    /** Stops to collect: of a topic that nobody else of the client collects, that unsubscribes. */
    public suspend fun cancel(): Unit = job.cancelAndJoin()

    internal fun record(scope: CoroutineScope, flow: Flow<T>) {
        // Undispatched: the client has been told of this collector before anything else is asked of it. Unconfined: it
        // takes a message where that arrives, and so is never found 64 behind because the test's thread is busy.
        job =
            scope.launch(Dispatchers.Unconfined + CoroutineName("live-received"), CoroutineStart.UNDISPATCHED) {
                try {
                    flow.collect { keep(it) }
                    values.close()
                } catch (e: LiveException) {
                    values.close(e)
                }
            }
    }

    /** Never waits, which would hold up the client; throws in the test's own scope, and so ends the test. */
    private fun keep(value: T) {
        if (values.trySend(value).isSuccess) return
        throw AssertionError(
            "more than $CAPACITY messages from $source were not taken. Take them with next() or taken(), or cancel().",
        )
    }

    private fun ChannelResult<T>.valueOrFailure(): T {
        if (isSuccess) return getOrThrow()
        throw exceptionOrNull() ?: AssertionError("nothing more comes from $source: the flow has ended")
    }
}

/** Messages that may wait to be taken: more than a test looks at one by one, and little enough for any heap. */
private const val CAPACITY = 10_000
