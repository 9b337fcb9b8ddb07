package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.topic.ActiveTopic
import dev.live.server.topic.Member
import dev.live.server.topic.SubscribeResult
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonElement
import java.util.concurrent.ConcurrentHashMap

/** The topic subscriptions of one session. Changes are serialized by [SuspendingLock]. */
internal class SessionSubscriptions<Meta : Any>(
    private val session: Session<Meta>,
    private val runtime: SessionRuntime<Meta>,
) {
    private val byTopic = ConcurrentHashMap<String, TopicSubscription<Meta>>()

    val names: Set<String> get() = HashSet(byTopic.keys) // not toSet(): see SessionRegistry

    val all: List<TopicSubscription<Meta>> get() = ArrayList(byTopic.values)

    val count: Int get() = byTopic.size

    operator fun get(topic: String): TopicSubscription<Meta>? = byTopic[topic]

    operator fun contains(topic: String): Boolean = byTopic.containsKey(topic)

    /** @throws LiveException with `too_many_topics` if the session is at its topic limit */
    fun requireCapacity() {
        val maxTopics = runtime.settings.maxTopics
        if (count < maxTopics) return
        throw LiveException(
            ErrorCode.TooManyTopics,
            "a session may subscribe to at most $maxTopics topics. Unsubscribe from one first.",
        )
    }

    /**
     * Subscribes to [topic]. The client receives [ack] first, and then the messages it missed [since]. Suspends while
     * the queue has no capacity for them.
     *
     * @throws dev.live.protocol.BadPayloadException if [since] is not a position of this topic
     */
    suspend fun subscribe(
        topic: String,
        handlers: TopicHandlers<Meta>,
        ack: Message,
        params: JsonElement? = null,
        since: Position? = null,
        member: Member? = null,
    ): TopicSubscription<Meta> {
        val subscription = create(runtime.topics.retain(topic), handlers, params)
        byTopic[topic] = subscription
        orRemove(subscription) {
            val result = subscription.active.subscribe(subscription, ack, since, member = member)
            if (result is SubscribeResult.CatchUp) catchUpOrClose(subscription, result, member, queueBound)
        }
        return subscription
    }

    /**
     * Acknowledges a repeated `subscribe` to [topic] with the topic's data: its position, the messages missed [since],
     * and its presence. Returns false if the topic has no such data; the caller then sends a plain ack.
     *
     * @throws dev.live.protocol.BadPayloadException if [since] is not a position of this topic
     */
    suspend fun resubscribe(topic: String, ack: Message, since: Position?): Boolean {
        val subscription = byTopic[topic]?.takeIf { it.active.hasAckData } ?: return false
        val result =
            try {
                subscription.active.subscribe(subscription, ack, since)
            } catch (e: CancellationException) {
                // the topic may have removed the subscriber, to send it the missed messages first
                if (since != null && !currentCoroutineContext().isActive) {
                    session.close(CloseCode.SlowConsumer, "recovery timed out")
                }
                throw e
            }
        // If the recovery fails, the session ends. Its end removes the subscription and calls `onUnsubscribe`.
        if (result is SubscribeResult.CatchUp) catchUpOrClose(subscription, result, member = null, queueBound)
        return true
    }

    /**
     * Unsubscribes from [topic]; [ack] is the last message the client receives for it. Returns the subscription, or
     * null, without an ack, if there was none. The caller cancels its scope after releasing the lock.
     *
     * @param only the subscription to remove; null removes any
     */
    suspend fun unsubscribe(
        topic: String,
        ack: Message,
        only: Subscription<Meta>? = null,
    ): TopicSubscription<Meta>? {
        val subscription = byTopic[topic]?.takeIf { only == null || it === only } ?: return null
        subscription.end()
        orRemove(subscription) { subscription.active.unsubscribe(subscription, ack) }
        remove(subscription)
        return subscription
    }

    /** Removes all subscriptions without an ack, at the end of the session. */
    suspend fun unsubscribeAll() {
        for (subscription in byTopic.values) {
            subscription.end()
            subscription.active.unsubscribe(subscription)
            remove(subscription)
        }
    }

    private fun create(
        topic: ActiveTopic,
        handlers: TopicHandlers<Meta>,
        params: JsonElement?,
    ): TopicSubscription<Meta> {
        val lossy = topic.lossy
        val drops = topic.drops
        val slot = runtime.slotFor(topic.name)
        if (lossy == null || drops == null) return TopicSubscription(session, topic, handlers, params, slot)
        val entries = LossyQueue.TopicEntries(drops)
        return LossySubscription(session, topic, handlers, params, slot, lossy, entries)
    }

    /**
     * Runs [change]. If it fails or its handler times out, removes [subscription]: a half-completed one would be
     * acknowledged without ever receiving a message.
     */
    private suspend inline fun orRemove(subscription: TopicSubscription<Meta>, change: () -> Unit) {
        var isDone = false
        try {
            change()
            isDone = true
        } finally {
            if (!isDone) {
                subscription.end()
                withContext(NonCancellable) { subscription.active.unsubscribe(subscription) }
                remove(subscription)
                runtime.topics.launchDetached(subscription::cancelScope) // not under the session's lock
            }
        }
    }

    private fun remove(subscription: TopicSubscription<Meta>) {
        byTopic.remove(subscription.topic)
        runtime.topics.release(subscription.topic)
    }

    private val queueBound: QueueBound get() = runtime.settings.queueBound
}
