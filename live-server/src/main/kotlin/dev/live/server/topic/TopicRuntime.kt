package dev.live.server.topic

import dev.live.server.broker.Broker
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.plus
import kotlinx.coroutines.sync.Semaphore
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.seconds

/**
 * The context shared by all topics of a server; one object, because there are many topics.
 *
 * @param scope scope of the topics' coroutines
 * @param buffer messages that may wait for a topic's coroutine, or for a collector in this process
 * @param actor context of the topics' coroutines; null runs them in the publisher, which saves two thread switches per
 *   message
 * @param maxInlineOffers offers to subscribers after which a topic's coroutine leaves the publisher's thread: about one
 *   millisecond of work
 * @param broker carries the publications to this node, and stores their histories
 * @param now the server's clock in milliseconds
 */
internal class TopicRuntime(
    scope: CoroutineScope,
    val dialects: DialectTable,
    val buffer: Int,
    val actor: CoroutineContext? = null,
    val maxInlineOffers: Int = 16_384,
    val counters: ServerCounters = ServerCounters(),
    val broker: Broker,
    val now: () -> Long,
) {
    val scope: CoroutineScope = scope + CoroutineName("live-topic")

    /** The server's dispatcher, for work that must leave the publisher's thread. A test's virtual time covers it. */
    val dispatcher: CoroutineDispatcher =
        scope.coroutineContext[ContinuationInterceptor] as? CoroutineDispatcher ?: Dispatchers.Default

    /** Bounds the histories that are read at the same time to fill holes. */
    val repairs = Semaphore(MAX_REPAIRS)

    companion object {
        /** How long a caller waits for the broker. */
        val BROKER_TIMEOUT = 10.seconds

        private const val MAX_REPAIRS = 16
    }
}
