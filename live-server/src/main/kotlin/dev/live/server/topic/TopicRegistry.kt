package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Publication
import dev.live.server.observe.ServerCounters
import dev.live.server.observe.currentTrace
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration

/**
 * The topics in use on this node, by name.
 *
 * A topic is here from its first subscriber or collector until the last one has left and [linger] has passed. Nothing
 * is lost by its going: without history, a message to a topic that nobody uses has nowhere to be delivered.
 */
internal class TopicRegistry(
    private val runtime: TopicRuntime,
    private val linger: Duration,
    private val policies: TopicPolicies = TopicPolicies { TopicPolicy.None },
    private val maxIdleBytes: Long = Long.MAX_VALUE,
) {
    private val hubs = ConcurrentHashMap<String, ActiveTopic>()

    val codecs: CodecTable get() = runtime.codecs

    val counters: ServerCounters get() = runtime.counters

    /** Topics in use, or lingering. */
    val size: Int get() = hubs.size

    /** The hub of [name], which stays at least until the matching [release]. */
    fun retain(name: String): ActiveTopic {
        var isNew = false
        val hub = hubs.compute(name) { _, found ->
            val hub = found ?: hub(name, policies.of(name)).also { isNew = true }
            hub.users++
            hub
        }!!
        if (isNew) counters.topicCreated(name) // here: an observer is not to run under the map's lock
        return hub
    }

    private fun hub(name: String, policy: TopicPolicy) = ActiveTopic(name, runtime, policy)

    fun release(name: String) {
        hubs.computeIfPresent(name) { _, hub ->
            if (--hub.users == 0) hub.idleSince = runtime.now()
            hub
        }
    }

    /** Runs [block] soon, and not in the caller's place; at once if the server has ended. */
    fun aside(block: () -> Unit) {
        if (runtime.scope.isActive) runtime.scope.launch(CoroutineName("live-aside")) { block() } else block()
    }

    fun find(name: String): ActiveTopic? = hubs[name]

    /** The topics in use, or lingering, as of now. */
    fun snapshot(): List<ActiveTopic> = ArrayList(hubs.values)

    /**
     * What the caller publishes; calls code of the application where messages replace each other by a key.
     *
     * @param trace what it is a part of if the caller's coroutine does not say
     */
    suspend fun publication(
        topic: String,
        body: Body?,
        except: String? = null,
        trace: String = "",
        wantsPlace: Boolean = false,
        type: String = MessageType.MESSAGE,
    ): Publication {
        val key = policies.keyOf(topic)?.invoke(Message(type, topic, body = body))
        return Publication(topic, body, except, key, trace().ifEmpty { trace }, wantsPlace, type)
    }

    /** What the caller works for, where anybody is to know. */
    suspend fun trace(): String = if (codecs.isTraced) currentTrace() else ""

    /** Hands [publication] to its topic's fan-out; suspends while that is a full buffer behind. */
    suspend fun deliver(publication: Publication) {
        val hub = hubs[publication.topic] ?: kept(publication.topic)
        counters.published(publication.topic, hub?.size ?: 0, publication.body?.size ?: 0)
        if (hub == null) return
        val message = publication.run { Message(type, topic, body = body, trace = trace) }
        val prepared = PreparedMessage(message, codecs, publication.except, publication.key)
        hub.publish(prepared)
        if (publication.wantsPlace) publication.place = hub.placeOf(prepared)
    }

    /** A hub for a topic that nobody uses and that keeps what is published all the same; null if it does not. */
    private fun kept(name: String): ActiveTopic? {
        val policy = policies.of(name)
        if (!policy.isKept) return null
        var isNew = false
        val hub = hubs.computeIfAbsent(name) {
            hub(it, policy).apply { idleSince = runtime.now() }.also { isNew = true }
        }
        if (isNew) counters.topicCreated(name)
        return hub
    }

    /** Ends the topics that nobody has used for [linger], and that keep nothing. */
    fun sweep() {
        val time = runtime.now()
        val before = time - linger.inWholeMilliseconds
        var idleBytes = 0L
        for ((name, candidate) in hubs) {
            candidate.expire(time)
            if (candidate.isForgettable(before, time)) forget(name) { it.isForgettable(before, time) }
            idleBytes += candidate.idleBytes
        }
        if (idleBytes > maxIdleBytes) forgetIdle(idleBytes)
    }

    /** Ends topics that only keep something, longest unused first, until that is no more than it may be. */
    private fun forgetIdle(total: Long) {
        var left = total
        val longestIdleFirst = hubs.filterValues { it.idleBytes > 0 }.entries.sortedBy { it.value.idleSince }
        for ((name, candidate) in longestIdleFirst) {
            if (left <= maxIdleBytes) return
            left -= candidate.idleBytes
            forget(name) { it.users == 0 }
        }
    }

    /** Ends the topic if it [isForgettable] under the map's lock too: a subscriber may just have come. */
    private inline fun forget(name: String, crossinline isForgettable: (ActiveTopic) -> Boolean) {
        val left = hubs.computeIfPresent(name) { _, hub -> if (isForgettable(hub)) null.also { hub.stop() } else hub }
        if (left == null) counters.topicEnded(name) // nobody else takes topics out
    }
}
