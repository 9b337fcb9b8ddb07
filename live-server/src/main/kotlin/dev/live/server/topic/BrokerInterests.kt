package dev.live.server.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.broker.PresenceDirectory
import kotlinx.coroutines.CompletableDeferred
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
import java.util.concurrent.ConcurrentHashMap

/**
 * This node's subscriptions to topics at the broker: one for each active topic. It starts with the first use of the
 * topic, and ends with it.
 *
 * Every function may be called from any thread.
 */
internal class BrokerInterests(private val runtime: TopicRuntime) {
    /** The ends of earlier subscriptions that have not completed, by topic. */
    private val endings = ConcurrentHashMap<String, Job>()

    /**
     * Returns when the broker delivers to [topic].
     *
     * @throws LiveException with `timeout` if the broker takes too long; the attempt continues
     * @throws Exception of the broker; the next call tries again
     */
    suspend fun open(topic: ActiveTopic) {
        if (topic.opening === OPEN) return
        val attempt =
            synchronized(topic) {
                topic.opening?.takeUnless { it.isCancelled } ?: attempt(topic).also { topic.opening = it }
            }
        attempt.start()
        if (attempt.isCompleted) return attempt.await() // always, with a broker that does not suspend
        withTimeoutOrNull(TopicRuntime.BROKER_TIMEOUT) { attempt.await() }
            ?: throw LiveException(
                ErrorCode.Timeout,
                "the topic was not subscribed to within ${TopicRuntime.BROKER_TIMEOUT}",
            )
    }

    // in the server's scope: the caller may be cancelled, and others wait for the same attempt
    private fun attempt(topic: ActiveTopic): Deferred<Unit> =
        runtime.scope.async(Dispatchers.Unconfined, CoroutineStart.LAZY) {
            endings[topic.name]?.join()
            runtime.broker.subscribe(topic.name, topic.history)?.let { topic.opened(it) }
            if (topic.presence != null) runtime.broker.presence?.let { watch(topic.name, it) }
            topic.opening = OPEN
        }

    private suspend fun watch(topic: String, directory: PresenceDirectory) {
        try {
            directory.watch(topic)
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // the end of a cancelled attempt unsubscribes
            unsubscribe(topic) // the next attempt subscribes again
            throw e
        }
    }

    /**
     * Returns the job that ends the subscription to [topic]. The caller starts it. A new topic with the same name waits
     * for it, so that its own subscription is not ended.
     */
    fun ending(topic: ActiveTopic): Job {
        val previous = endings[topic.name]
        val ending = runtime.scope.launch(Dispatchers.Unconfined, CoroutineStart.LAZY) {
            topic.opening?.cancelAndJoin()
            previous?.join()
            if (topic.presence != null) unwatch(topic.name)
            unsubscribe(topic.name)
        }
        endings[topic.name] = ending
        ending.invokeOnCompletion { endings.remove(topic.name, ending) }
        return ending
    }

    private suspend fun unwatch(topic: String) {
        try {
            runtime.broker.presence?.unwatch(topic)
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.warn("The broker has not ended the presence of topic {} on this node.", topic, e)
        }
    }

    private suspend fun unsubscribe(topic: String) {
        try {
            runtime.broker.unsubscribe(topic)
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.warn("The broker has not ended the delivery of topic {} to this node.", topic, e)
        }
    }

    private companion object {
        /** The value of [ActiveTopic.opening] while the broker delivers; shared, to avoid an object per topic. */
        val OPEN: Deferred<Unit> = CompletableDeferred(Unit)

        val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")
    }
}
