package dev.live.server.topic

import dev.live.server.observe.ServerCounters
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.plus
import kotlin.coroutines.CoroutineContext

/**
 * What all topics of a server run with. One object that they share, because topics are many.
 *
 * @param scope what their fan-outs live in
 * @param buffer messages that may wait for a topic's fan-out, or for a collector in this process
 * @param actor where fan-outs run; if null, in whoever publishes, which spares two changes of threads for each message
 * @param maxInPlace offers to subscribers after which a fan-out looks for a thread of its own: about a millisecond of them
 * @param now milliseconds of the server's clock
 */
internal class TopicRuntime(
    scope: CoroutineScope,
    val codecs: CodecTable,
    val buffer: Int,
    val actor: CoroutineContext? = null,
    val maxInPlace: Int = 16_384,
    val counters: ServerCounters = ServerCounters(),
    val now: () -> Long,
) {
    val scope: CoroutineScope = scope + CoroutineName("live-topic")
}
