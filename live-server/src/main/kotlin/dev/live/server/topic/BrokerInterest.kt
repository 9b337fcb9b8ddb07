package dev.live.server.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.time.Duration.Companion.seconds

/**
 * This node's subscription to one topic at the broker. It starts with the first use of the topic, and ends with it.
 *
 * Every function may be called from any thread.
 *
 * @param onOpened called with the position of the newest publication before the broker delivers, on topics with history
 */
internal class BrokerInterest(
    private val topic: String,
    private val runtime: TopicRuntime,
    private val onOpened: suspend (Position) -> Unit,
) {
    /** The current attempt; null before the first one and after a success. Guarded by this object. */
    private var attempt: Deferred<Unit>? = null

    @Volatile
    private var isOpen = false

    /**
     * Returns when the broker delivers, after [previousEnd], the end of an earlier subscription to the same topic.
     *
     * @throws LiveException with `timeout` if the broker takes too long; the attempt continues
     * @throws Exception of the broker; the next call tries again
     */
    suspend fun open(history: HistoryBounds?, previousEnd: Job?) {
        if (isOpen) return
        val current =
            synchronized(this) {
                if (isOpen) return
                attempt?.takeUnless { it.isCancelled } ?: attempt(history, previousEnd).also { attempt = it }
            }
        current.start()
        if (current.isCompleted) return current.await() // always, with a broker that does not suspend
        withTimeoutOrNull(TIMEOUT) { current.await() }
            ?: throw LiveException(ErrorCode.Timeout, "the topic was not subscribed to within $TIMEOUT")
    }

    // in the server's scope: the caller may be cancelled, and others wait for the same attempt
    private fun attempt(history: HistoryBounds?, previousEnd: Job?): Deferred<Unit> =
        runtime.scope.async(Dispatchers.Unconfined, CoroutineStart.LAZY) {
            previousEnd?.join()
            runtime.broker.subscribe(topic, history)?.let { onOpened(it) }
            synchronized(this@BrokerInterest) {
                isOpen = true
                attempt = null
            }
        }

    /** Returns the job that ends the delivery, after [previousEnd]. The caller starts it. */
    fun ending(previousEnd: Job?): Job {
        val current = synchronized(this) { attempt }
        return runtime.scope.launch(Dispatchers.Unconfined, CoroutineStart.LAZY) {
            current?.cancelAndJoin()
            previousEnd?.join()
            unsubscribe()
        }
    }

    private suspend fun unsubscribe() {
        try {
            runtime.broker.unsubscribe(topic)
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.warn("The broker has not ended the delivery of topic {} to this node.", topic, e)
        }
    }

    companion object {
        /** How long a subscribe waits for the broker. */
        val TIMEOUT = 10.seconds

        private val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")
    }
}
