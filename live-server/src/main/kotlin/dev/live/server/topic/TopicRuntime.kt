package dev.live.server.topic

import dev.live.server.broker.Broker
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.job
import kotlinx.coroutines.plus
import kotlinx.coroutines.sync.Semaphore
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.seconds

/**
 * The context shared by all topics of a server; one object, because there are many topics.
 *
 * @param scope scope of the topics; their events are discarded after its end
 * @param buffer messages that may wait for a topic's actor, or for a collector in this process
 * @param actor context that handles the topics' events, by default that of [scope]; null handles them in the publisher,
 *   which saves two thread switches per message
 * @param maxInlineOffers offers to subscribers after which a topic leaves the publisher's thread: about one millisecond
 *   of work
 * @param broker carries the publications to this node, and stores their histories
 * @param now the server's clock in milliseconds
 */
internal class TopicRuntime(
    scope: CoroutineScope,
    val dialects: DialectTable,
    val buffer: Int,
    actor: CoroutineContext? = null,
    val maxInlineOffers: Int = 16_384,
    val counters: ServerCounters = ServerCounters(),
    val broker: Broker,
    val now: () -> Long,
) {
    val scope: CoroutineScope = scope + CoroutineName("live-topic")

    /** The server's dispatcher, for work that must leave the publisher's thread. A test's virtual time covers it. */
    val dispatcher: CoroutineDispatcher =
        scope.coroutineContext[ContinuationInterceptor] as? CoroutineDispatcher ?: Dispatchers.Default

    /** Handles the topics' events; null if the publishers do. */
    val actor: CoroutineDispatcher? =
        actor?.let { (scope.coroutineContext + it)[ContinuationInterceptor] as? CoroutineDispatcher ?: dispatcher }

    private val job = scope.coroutineContext.job

    /** Whether the server has not ended. */
    val isActive: Boolean get() = job.isActive

    /** Runs [task] on [dispatcher]. */
    fun dispatch(dispatcher: CoroutineDispatcher, task: Runnable) {
        val context = scope.coroutineContext
        if (dispatcher.isDispatchNeeded(context)) dispatcher.dispatch(context, task) else task.run()
    }

    /** Bounds the histories that are read at the same time to fill holes. */
    val repairs = Semaphore(MAX_REPAIRS)

    companion object {
        /** How long a caller waits for the broker. */
        val BROKER_TIMEOUT = 10.seconds

        private const val MAX_REPAIRS = 16
    }
}
