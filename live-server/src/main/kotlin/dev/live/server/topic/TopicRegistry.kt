package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Publication
import dev.live.server.observe.Tally
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentHashMap
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration

/**
 * The topics in use on this node, by name.
 *
 * A topic is here from its first subscriber or collector until the last one has left and [linger] has passed. Nothing
 * is lost by its going: without history, a message to a topic that nobody uses has nowhere to be delivered.
 */
internal class TopicRegistry(
    private val scope: CoroutineScope,
    val codecs: CodecTable,
    private val buffer: Int,
    private val linger: Duration,
    // by default in whoever publishes, which spares two changes of threads for each message
    private val fanOut: CoroutineContext? = null,
    val tally: Tally = Tally(),
    private val now: () -> Long,
) {
    private val hubs = ConcurrentHashMap<String, TopicHub>()

    /** Topics in use, or lingering. */
    val size: Int get() = hubs.size

    /** The hub of [name], which stays at least until the matching [release]. */
    fun retain(name: String): TopicHub {
        var isNew = false
        val hub = hubs.compute(name) { _, found ->
            val hub = found ?: TopicHub(name, scope, codecs, buffer, fanOut, tally = tally).also { isNew = true }
            hub.users++
            hub
        }!!
        if (isNew) tally.topicCreated(name) // here: an observer is not to run under the map's lock
        return hub
    }

    fun release(name: String) {
        hubs.computeIfPresent(name) { _, hub ->
            if (--hub.users == 0) hub.idleSince = now()
            hub
        }
    }

    /** Runs [block] soon, and not in the caller's place; at once if the server has ended. */
    fun aside(block: () -> Unit) {
        if (scope.isActive) scope.launch(CoroutineName("live-aside")) { block() } else block()
    }

    fun find(name: String): TopicHub? = hubs[name]

    /** Hands [publication] to its topic's fan-out; suspends while that is a full buffer behind. */
    suspend fun deliver(publication: Publication) {
        val hub = hubs[publication.topic]
        tally.published(publication.topic, hub?.size ?: 0, publication.body?.size ?: 0)
        if (hub == null) return
        val message = Message(MessageType.MESSAGE, publication.topic, body = publication.body)
        hub.publish(PreparedMessage(message, codecs, publication.except))
    }

    /** Ends the topics that nobody has used for [linger]. */
    fun sweep() {
        val before = now() - linger.inWholeMilliseconds
        for ((name, candidate) in hubs) {
            if (candidate.users > 0) continue
            val left = hubs.computeIfPresent(name) { _, hub ->
                // looked at again under the map's lock: a subscriber may just have come
                if (hub.users == 0 && hub.idleSince <= before) null.also { hub.stop() } else hub
            }
            if (left == null) tally.topicEnded(name) // nobody else takes topics out
        }
    }
}
