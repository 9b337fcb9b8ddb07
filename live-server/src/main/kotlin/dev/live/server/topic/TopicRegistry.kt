package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Publication
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import dev.live.server.observe.currentTrace
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration

/**
 * The active topics on this node, by name.
 *
 * A topic is active from its first subscriber or collector until [linger] after the last one has left. Removing it
 * loses no message: without a history, a message to a topic without subscribers is dropped anyway.
 */
internal class TopicRegistry(
    private val runtime: TopicRuntime,
    private val linger: Duration,
    private val policies: TopicPolicies = TopicPolicies { TopicPolicy.None },
    private val maxIdleBytes: Long = Long.MAX_VALUE,
) {
    private val topics = ConcurrentHashMap<String, ActiveTopic>()

    val dialects: DialectTable get() = runtime.dialects

    val counters: ServerCounters get() = runtime.counters

    /** Number of active topics, including lingering ones. */
    val size: Int get() = topics.size

    /** Returns the active topic [name], which stays active at least until the matching [release]. */
    fun retain(name: String): ActiveTopic {
        var isNew = false
        val active = topics.compute(name) { _, found ->
            val active = found ?: newTopic(name, policies.of(name)).also { isNew = true }
            active.useCount++
            active
        }!!
        if (isNew) counters.topicCreated(name) // not inside compute: observers must not run under the map's lock
        return active
    }

    private fun newTopic(name: String, policy: TopicPolicy) = ActiveTopic(name, runtime, policy)

    fun release(name: String) {
        topics.computeIfPresent(name) { _, active ->
            if (--active.useCount == 0) active.idleSince = runtime.now()
            active
        }
    }

    /** Runs [block] in a new coroutine; in place if the server has ended. */
    fun launchDetached(block: () -> Unit) {
        if (runtime.scope.isActive) runtime.scope.launch(CoroutineName("live-detached")) { block() } else block()
    }

    fun find(name: String): ActiveTopic? = topics[name]

    /** The active topics, including lingering ones. */
    fun snapshot(): List<ActiveTopic> = ArrayList(topics.values)

    /**
     * Creates the publication of a message. Calls application code if the topic has conflation keys.
     *
     * @param trace trace context to use if the caller's coroutine has none
     */
    suspend fun publication(
        topic: String,
        body: Body?,
        except: String? = null,
        trace: String = "",
        wantsPosition: Boolean = false,
        type: String = MessageType.MESSAGE,
    ): Publication {
        val key = policies.keyOf(topic)?.invoke(Message(type, topic, body = body))
        return Publication(topic, body, except, key, trace().ifEmpty { trace }, wantsPosition, type)
    }

    /** The caller's trace context; empty if no codec carries it. */
    suspend fun trace(): String = if (dialects.isTraced) currentTrace() else ""

    /** Hands [publication] to its topic's coroutine; suspends while the topic's buffer is full. */
    suspend fun deliver(publication: Publication) {
        val active = topics[publication.topic] ?: createIfStored(publication.topic)
        counters.published(publication.topic, active?.size ?: 0, publication.body?.size ?: 0)
        if (active == null) return
        val message = publication.run { Message(type, topic, body = body, trace = trace) }
        val prepared = PreparedMessage(message, dialects, publication.except, publication.key)
        active.publish(prepared)
        if (publication.wantsPosition) publication.position = active.positionOf(prepared)
    }

    /** Activates an unused topic that stores its messages; returns null if it stores none. */
    private fun createIfStored(name: String): ActiveTopic? {
        val policy = policies.of(name)
        if (!policy.keepsHistory) return null
        var isNew = false
        val active = topics.computeIfAbsent(name) {
            newTopic(it, policy).apply { idleSince = runtime.now() }.also { isNew = true }
        }
        if (isNew) counters.topicCreated(name)
        return active
    }

    /** Removes topics that have been unused for [linger] and hold no state. */
    fun sweep() {
        val time = runtime.now()
        val before = time - linger.inWholeMilliseconds
        var idleBytes = 0L
        for ((name, candidate) in topics) {
            candidate.expire(time)
            if (candidate.isRemovable(before, time)) remove(name) { it.isRemovable(before, time) }
            idleBytes += candidate.idleBytes
        }
        if (idleBytes > maxIdleBytes) removeIdle(idleBytes)
    }

    /** Removes unused topics that only hold a history, longest unused first, until they fit into the bound. */
    private fun removeIdle(total: Long) {
        var remaining = total
        val longestIdleFirst = topics.filterValues { it.idleBytes > 0 }.entries.sortedBy { it.value.idleSince }
        for ((name, candidate) in longestIdleFirst) {
            if (remaining <= maxIdleBytes) return
            remaining -= candidate.idleBytes
            remove(name) { it.useCount == 0 }
        }
    }

    /**
     * Removes the topic if it is still [isRemovable] under the map's lock: a subscriber may have been added meanwhile.
     */
    private inline fun remove(name: String, crossinline isRemovable: (ActiveTopic) -> Boolean) {
        val remaining =
            topics.computeIfPresent(name) { _, active ->
                if (isRemovable(active)) null.also { active.stop() } else active
            }
        if (remaining == null) counters.topicEnded(name) // only this function removes topics
    }
}
