package dev.live.server.topic

import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.plus
import kotlin.coroutines.CoroutineContext

/**
 * The context shared by all topics of a server; one object, because there are many topics.
 *
 * @param scope scope of the topics' coroutines
 * @param buffer messages that may wait for a topic's coroutine, or for a collector in this process
 * @param actor context of the topics' coroutines; null runs them in the publisher, which saves two thread switches per
 *   message
 * @param maxInlineOffers offers to subscribers after which a topic's coroutine leaves the publisher's thread: about one
 *   millisecond of work
 * @param now the server's clock in milliseconds
 */
internal class TopicRuntime(
    scope: CoroutineScope,
    val dialects: DialectTable,
    val buffer: Int,
    val actor: CoroutineContext? = null,
    val maxInlineOffers: Int = 16_384,
    val counters: ServerCounters = ServerCounters(),
    val now: () -> Long,
) {
    val scope: CoroutineScope = scope + CoroutineName("live-topic")
}
