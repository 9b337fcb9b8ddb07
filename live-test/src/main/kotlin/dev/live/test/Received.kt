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
 * A recording of the messages that one client receives, in order. Created by `received` in a [LiveTest].
 *
 * The recorder collects messages immediately, so a test that takes only some of them does not slow down the client.
 * Remaining messages do not fail the test. To verify that a message did not arrive, publish another one after it and
 * check that [next] returns that one. At most 10,000 messages wait to be taken. One more fails the test with an
 * [AssertionError]: nothing is dropped, and memory use is bounded.
 */
public class Received<T> internal constructor(private val source: String, private val timeout: Duration) {
    private val values = Channel<T>(CAPACITY)
    private lateinit var job: Job

    /**
     * Takes the next message. Waits for it if necessary.
     *
     * @throws AssertionError if no message arrives in time or the flow has ended
     * @throws LiveException if the flow failed, for example because the server rejected the subscription
     */
    public suspend fun next(): T {
        val result =
            withTimeoutOrNull(timeout) { values.receiveCatching() }
                ?: throw AssertionError("nothing was received from $source within $timeout")
        return result.valueOrFailure()
    }

    /** Takes the next [count] messages, in order. See the other [next]. */
    public suspend fun next(count: Int): List<T> = List(count) { next() }

    /** Takes all messages received so far, without waiting. */
    public fun taken(): List<T> = generateSequence { values.tryReceive().getOrNull() }.toList()

    /** Stops collecting. The client unsubscribes from the topic if it has no other collector. */
    public suspend fun cancel(): Unit = job.cancelAndJoin()

    internal fun record(scope: CoroutineScope, flow: Flow<T>) {
        // Undispatched: the collector is registered with the client before record returns. Unconfined: the collector
        // runs on the client's thread, so it never exceeds its buffer of 64 messages because the test's thread is busy.
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

    /** Never suspends, which would block the client. Throws in the test's scope, which ends the test. */
    private fun keep(value: T) {
        if (values.trySend(value).isSuccess) return
        throw AssertionError(
            "more than $CAPACITY messages from $source were not taken. Take them with next() or taken(), or cancel().",
        )
    }

    private fun ChannelResult<T>.valueOrFailure(): T {
        if (isSuccess) return getOrThrow()
        throw exceptionOrNull() ?: AssertionError("no more messages from $source: the flow has ended")
    }
}

/** Maximum number of waiting messages: more than a test takes one by one, and small enough for any heap. */
private const val CAPACITY = 10_000
