package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.of
import dev.live.server.broker.Broker
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.json.JsonElement

/**
 * A topic as the application sees it: a name to publish to and to listen on, from any thread.
 *
 * A light handle. It keeps nothing alive and may be held for as long as the application likes.
 *
 * @property name the topic's name, as clients subscribe to it
 */
public class Topic internal constructor(
    public val name: String,
    private val registry: TopicRegistry,
    private val broker: Broker,
) {
    /** Sessions subscribed on this node, as of the last join or leave. */
    public val subscribers: Int get() = registry.find(name)?.size ?: 0

    /**
     * What is published to this topic from now on, for use in this process.
     *
     * A collector that falls a full buffer (`topics { buffer }`, 64 messages by default) behind loses the oldest
     * messages: it never slows the subscribers down. No replay.
     */
    public val messages: SharedFlow<Message> = TopicMessages(name, registry)

    /**
     * Publishes [body] to every subscriber; best effort.
     *
     * Returns when the message has its place in the topic's order, which is before it has reached anybody. Suspends
     * while the topic's delivery is a full buffer behind.
     *
     * With 32 subscribers or more an event loop of the engine's that reads from one of them delivers, when it has
     * handled what it has read: what the caller does next, such as an answer or a close, may come first. Never block such
     * a thread until this returns. Otherwise the caller's thread delivers to the queues of this node's subscribers, for
     * about a millisecond also what others publish meanwhile: from a thread that must not be kept, such as a user
     * interface's, publish in a coroutine on `Dispatchers.Default`.
     */
    public suspend fun publish(body: Body?): Unit = broker.publish(registry.publication(name, body))

    /**
     * Publishes [body] as a message of [type], one of the application's own, for subscribers that know it; otherwise as
     * the other [publish].
     *
     * @throws IllegalArgumentException if [type] is empty, over 64 bytes of UTF-8, no valid Unicode, or one of the
     *   protocol's own
     */
    public suspend fun publish(type: String, body: Body?) {
        require(type !in MessageType.All) {
            "type '$type' is one of the protocol's own; choose another, or leave it out"
        }
        Message(type, name) // checks the rest, also where nobody is there to get it
        broker.publish(registry.publication(name, body, type = type))
    }

    /** What subscribers on this node did not get, because the topic declares that they need not; see [TopicDrops]. */
    public val drops: TopicDrops get() = registry.find(name)?.drops?.snapshot() ?: TopicDrops(0, 0)

    /**
     * Who is on the topic, on this node: what each member says of itself, by key. As last told to the subscribers; empty
     * where nobody is, and while nobody uses the topic. Collecting fails with an [IllegalStateException] if the topic
     * declares no presence.
     */
    public val presence: StateFlow<Map<String, List<JsonElement>>> = TopicPresence(name, registry)

    /**
     * What the topic's history holds on this node: all of it, or what came after [since].
     *
     * @throws IllegalStateException if the topic keeps no history
     * @throws dev.live.protocol.BadPayloadException if [since] is behind the newest message
     */
    public suspend fun history(since: Position? = null): HistoryPage {
        val hub = registry.retain(name)
        try {
            return checkNotNull(hub.recall(since)) {
                "topic '$name' keeps no history. Declare it: topic(...) { history(size = 100) }."
            }
        } finally {
            registry.release(name)
        }
    }

    /** Publishes [body] to every subscriber but the session with the id [except], on every node. */
    internal suspend fun publishExcept(body: Body?, except: String): Unit =
        broker.publish(registry.publication(name, body, except))

    /** Who is subscribed on this node, at one place in the topic's order. */
    internal suspend fun subscribersNow(): List<Subscriber> {
        var found = emptyList<Subscriber>()
        visit { found = it.all() }
        return found
    }

    /**
     * Delivers [body] to [chosen], as far as they are still subscribed, as one message of the topic; how many took it.
     */
    internal suspend fun deliverTo(chosen: List<Subscriber>, body: Body?): Int {
        val publication = registry.publication(name, body)
        val message = Message(MessageType.MESSAGE, name, body = body, trace = publication.trace)
        val prepared = PreparedMessage(message, registry.codecs, key = publication.key)
        var taken = 0
        visit { taken = it.deliver(prepared, chosen) }
        return taken
    }

    private suspend fun visit(look: (SubscriberSet) -> Unit) {
        if (registry.find(name) == null) return // nobody is there
        val hub = registry.retain(name)
        try {
            hub.visit(look)
        } finally {
            registry.release(name)
        }
    }

    override fun toString(): String = "Topic($name)"
}

/** Publishes [value] as JSON to every subscriber; see [Topic.publish]. */
public suspend inline fun <reified T> Topic.publish(value: T): Unit = publish(Body.of(value))
