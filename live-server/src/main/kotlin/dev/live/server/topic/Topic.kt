package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.of
import dev.live.server.broker.Broker
import dev.live.server.broker.Publication
import kotlinx.coroutines.flow.SharedFlow

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
     * while the topic's delivery is a full buffer behind. The caller's thread may do the delivery to the queues of all this
     * node's subscribers, and of what others publish meanwhile for about a millisecond more: from a thread that must not be
     * kept, such as a user interface's, publish in a coroutine on `Dispatchers.Default`. On an event
     * loop of the engine's it is delivered once the loop has handled what it has read, so what a handler does after it,
     * such as an answer or a close, may come first; and that thread must never be blocked until this returns.
     */
    public suspend fun publish(body: Body?): Unit = broker.publish(Publication(name, body))

    override fun toString(): String = "Topic($name)"
}

/** Publishes [value] as JSON to every subscriber; see [Topic.publish]. */
public suspend inline fun <reified T> Topic.publish(value: T): Unit = publish(Body.of(value))
