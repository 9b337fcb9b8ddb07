package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.PresenceChange
import dev.live.server.broker.Publication
import dev.live.server.dialect.DialectTable
import dev.live.server.dialect.ServerEvent
import dev.live.server.observe.PublishOutcome
import dev.live.server.observe.ServerCounters
import dev.live.server.observe.currentTrace
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * The active topics on this node, by name.
 *
 * A topic is active from its first subscriber or collector until [linger] after the last one has left. Removing it
 * loses no message: without a history, a message to a topic without subscribers is dropped anyway, and the broker
 * stores histories.
 */
internal class TopicRegistry(
    private val runtime: TopicRuntime,
    private val linger: Duration,
    private val policies: TopicPolicies = TopicPolicies { TopicPolicy.None },
    private val onControl: (Publication) -> Unit = {},
    private val report: () -> String = { "" },
) : BrokerSink {
    private val topics = ConcurrentHashMap<String, ActiveTopic>()

    private val interests = BrokerInterests(runtime)

    val dialects: DialectTable get() = runtime.dialects

    val counters: ServerCounters get() = runtime.counters

    /** Number of active topics, including lingering ones. */
    val size: Int get() = topics.size

    /**
     * Returns the active topic [name], which stays active at least until the matching [release]. Suspends until the
     * broker delivers to it.
     */
    suspend fun retain(name: String): ActiveTopic {
        var isNew = false
        val active = topics.compute(name) { _, found ->
            val active = found ?: ActiveTopic(name, runtime, policies.of(name)).also { isNew = true }
            active.useCount++
            active
        }!!
        if (isNew) counters.topicCreated(name) // not inside compute: observers must not run under the map's lock
        var isOpen = false
        try {
            interests.open(active)
            isOpen = true
        } finally {
            if (!isOpen) release(name)
        }
        return active
    }

    fun release(name: String) {
        topics.computeIfPresent(name) { _, active ->
            if (--active.useCount == 0) active.idleSince = runtime.now()
            active
        }
    }

    /** Runs [block] in a new coroutine; in place if the server has ended. */
    @OptIn(DelicateCoroutinesApi::class)
    fun launchDetached(block: () -> Unit) {
        if (!runtime.scope.isActive) return block()
        // atomic: it runs even if the server ends before the launch
        runtime.scope.launch(CoroutineName("live-detached"), CoroutineStart.ATOMIC) { block() }
    }

    fun find(name: String): ActiveTopic? = topics[name]

    /** The active topics, including lingering ones. */
    fun snapshot(): List<ActiveTopic> = ArrayList(topics.values)

    /**
     * Publishes a message on all nodes. Returns its position; null if the topic keeps no history.
     *
     * @param trace trace context to use if the caller's coroutine has none
     * @param key conflation key of the message, see [keyOf]
     */
    suspend fun publish(
        topic: String,
        body: Body?,
        except: String? = null,
        trace: String = "",
        type: String = MessageType.MESSAGE,
        key: String? = keyOf(topic, body, type),
    ): Position? {
        val active = topics[topic]
        val policy = active?.policy ?: policies.of(topic)
        val context = trace().ifEmpty { trace }
        val publication =
            Publication(topic, body, type, except, key, context, policy.history, policy.whileBrokerAway)
        counters.published(topic, active?.size ?: 0, body?.size ?: 0)
        // two tail calls: without an observer, this function needs no continuation
        return if (counters.isObserved) publishObserved(publication) else runtime.broker.publish(publication)
    }

    private suspend fun publishObserved(publication: Publication): Position? {
        val start = TimeSource.Monotonic.markNow()
        val position =
            try {
                runtime.broker.publish(publication)
            } catch (e: Throwable) {
                // a cancelled caller is no failure of the broker
                if (currentCoroutineContext().isActive) {
                    counters.publishCompleted(publication.topic, start.elapsedNow(), PublishOutcome.Failed)
                }
                throw e
            }
        counters.publishCompleted(publication.topic, start.elapsedNow(), PublishOutcome.Published)
        return position
    }

    /** Subscribes this node to the control publications of all nodes: they have the empty topic name. */
    suspend fun subscribeToControl() {
        runtime.broker.subscribe(topic = "", history = null)
    }

    /** Publishes [publication], which has the empty topic name, to all nodes. */
    suspend fun publishControl(publication: Publication) {
        runtime.broker.publish(publication)
    }

    /**
     * Returns the history of the topic [name] after [since], or all that is stored.
     *
     * @throws IllegalStateException if the topic keeps no history
     */
    suspend fun history(name: String, since: Position?): HistoryPage {
        val bounds =
            checkNotNull(policies.of(name).history) {
                "topic '$name' has no history. Declare one: topic(...) { history(size = 100) }."
            }
        val stored = runtime.broker.history(name, since, bounds)
        // excludes messages that a throttle holds back: a reader that continues from this page receives them when due
        val end = topics[name]?.throttledAt?.takeIf { it.epoch == stored.position.epoch }
        val entries = if (end == null) stored.entries else stored.entries.filter { it.position.offset <= end.offset }
        return HistoryPage(end ?: stored.position, entries.map { it.toMessage() }, stored.isComplete)
    }

    /** Payload bytes in the stored history of the topic [name], for operators; null if unknown. */
    fun historyBytes(name: String): Long? = runtime.broker.storedBytes(name)

    /** The conflation key of a message; null without one. Calls application code if the topic has conflation keys. */
    fun keyOf(topic: String, body: Body?, type: String = MessageType.MESSAGE): String? =
        policies.keyOf(topic)?.invoke(Message(type, topic, body = body))

    /** The caller's trace context; empty if no codec carries it. */
    suspend inline fun trace(): String = if (dialects.isTraced) currentTrace() else ""

    /** Hands [publication] to its topic's actor; suspends while the topic's buffer is full. */
    override suspend fun deliver(publication: Publication, position: Position?) {
        if (publication.topic.isEmpty()) return onControl(publication)
        val active = topics[publication.topic] ?: return
        val message = publication.messageAt(position)
        val event = ServerEvent.Published(message, position?.epoch)
        active.publish(PreparedMessage(event, dialects, publication.except, publication.key, position))
    }

    override suspend fun interrupted(topic: String?) {
        val affected = if (topic == null) snapshot() else listOfNotNull(find(topic))
        for (active in affected) active.interrupted()
    }

    override suspend fun presence(topic: String, change: PresenceChange) {
        topics[topic]?.presenceChanged(change)
    }

    override val nodeReport: String get() = report()

    /** Removes topics that have been unused for [linger] and hold no state. */
    fun sweep() {
        val before = runtime.now() - linger.inWholeMilliseconds
        for ((name, candidate) in topics) if (candidate.isRemovable(before)) remove(name, before)
    }

    /** Removes the topic if that is still possible under the map's lock: a subscriber may have been added meanwhile. */
    private fun remove(name: String, before: Long) {
        var ending: Job? = null
        topics.computeIfPresent(name) { _, active ->
            if (!active.isRemovable(before)) return@computeIfPresent active
            active.stop()
            ending = interests.ending(active)
            null
        }
        if (ending != null) counters.topicEnded(name) // only this function removes topics
        ending?.start()
    }
}
