package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.of
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.json.JsonElement

/**
 * A topic as the application uses it: publishes messages and receives them, from any thread.
 *
 * A lightweight handle: it does not keep the topic active and may be stored for any time.
 *
 * @property name the topic's name, as clients subscribe to it
 */
public class Topic internal constructor(
    public val name: String,
    private val registry: TopicRegistry,
) {
    /** Number of sessions subscribed on this node, as of the last change; 0 if the topic is not active. */
    public val subscribers: Int get() = registry.find(name)?.size ?: 0

    /**
     * Emits the messages published to this topic after the collection has started. There is no replay. A collector
     * keeps the topic active.
     *
     * A collector that is more than one buffer behind (`topics { buffer }`, 64 messages by default) loses the oldest
     * messages: it never slows down publishers or subscribers.
     */
    public val messages: SharedFlow<Message> = TopicMessages(name, registry)

    /**
     * Publishes [body] to every subscriber on all nodes, best effort; null publishes a message without a payload.
     *
     * Returns when the message's order within the topic is fixed, which is before it is delivered. Suspends while the
     * topic's buffer is full. If the topic declares a conflation key and the key function fails, its exception is
     * thrown and nothing is published.
     *
     * With 32 or more subscribers, delivery runs on a Netty event loop at the end of its current read. Later actions of
     * the caller, such as a reply or a close, may then be written first. Never block an event loop until this returns.
     *
     * Otherwise the caller's thread puts the message into the queues of this node's subscribers. For about a
     * millisecond it also delivers messages that others publish meanwhile. From a thread that must not be delayed, such
     * as a UI thread, publish in a coroutine on `Dispatchers.Default`.
     */
    public suspend fun publish(body: Body?) {
        registry.publish(name, body)
    }

    /**
     * Publishes [body] as a message of an application-defined [type], for subscribers that support it; otherwise like
     * the other [publish].
     *
     * @throws IllegalArgumentException if [type] is empty, over 64 bytes of UTF-8, not valid Unicode, or reserved by
     *   the protocol
     */
    public suspend fun publish(type: String, body: Body?) {
        require(type !in MessageType.All) {
            "type '$type' is reserved by the protocol. Choose another type, or omit it."
        }
        Message(type, name) // validates the type, also without subscribers
        registry.publish(name, body, type = type)
    }

    /**
     * Messages that subscribers on this node did not receive because of the topic's delivery settings; see
     * [TopicDrops].
     */
    public val drops: TopicDrops get() = registry.find(name)?.drops?.snapshot() ?: TopicDrops(0, 0)

    /**
     * The members present on all nodes, as last sent to the subscribers of this node: the info of each session, by
     * member key. With a broker that does not share presence ([dev.live.server.broker.Broker.presence]), the members on
     * this node. Empty without members, and while the topic is not in use on this node. A collector keeps the topic
     * active. Collecting throws an [IllegalStateException] if the topic declares no presence.
     */
    public val presence: StateFlow<Map<String, List<JsonElement>>> = TopicPresence(name, registry)

    /**
     * Reads the topic's history: all of it, or the messages after [since].
     *
     * @throws IllegalStateException if the topic has no history
     * @throws dev.live.protocol.BadPayloadException if [since] is after the newest message
     */
    public suspend fun history(since: Position? = null): HistoryPage = registry.history(name, since)

    /** Publishes [body] to every subscriber on every node, but not to the session with the id [except]. */
    internal suspend fun publishExcept(body: Body?, except: String) {
        registry.publish(name, body, except)
    }

    /** The subscribers on this node, at one point in the topic's message order. */
    internal suspend fun subscribersNow(): List<Subscriber> {
        var found = emptyList<Subscriber>()
        inspect { found = it.all() }
        return found
    }

    /**
     * Delivers [body] as one message of the topic to those [chosen] that are still subscribed. Returns how many
     * accepted it.
     */
    internal suspend fun deliverTo(chosen: List<Subscriber>, body: Body?): Int {
        val message = Message(MessageType.MESSAGE, name, body = body, trace = registry.trace())
        val prepared = PreparedMessage(message, registry.dialects, key = registry.keyOf(name, body))
        var accepted = 0
        inspect { accepted = it.deliver(prepared, chosen) }
        return accepted
    }

    private suspend fun inspect(block: (SubscriberSet) -> Unit) {
        if (registry.find(name) == null) return // no subscribers
        val topic = registry.retain(name)
        try {
            topic.inspect(block)
        } finally {
            registry.release(name)
        }
    }

    override fun toString(): String = "Topic($name)"
}

/** Publishes [value] as JSON to every subscriber; see [Topic.publish]. */
public suspend inline fun <reified T> Topic.publish(value: T): Unit = publish(Body.of(value))
