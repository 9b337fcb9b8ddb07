package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.UnsubscribeData
import dev.live.protocol.of
import dev.live.server.broker.PresenceMember
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.wellFormed
import dev.live.server.topic.SubscribeResult
import dev.live.server.topic.TopicActor
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.serialization.json.JsonElement

/**
 * The topic subscriptions of one session, changed by its client and by the server. [SuspendingLock] serializes the
 * changes.
 *
 * @param endpointTopics the topics that the session's endpoint declares; null for sessions without an endpoint
 */
internal class SessionSubscriptions<Meta : Any>(
    private val session: Session<Meta>,
    private val runtime: SessionRuntime,
    private val endpointTopics: EndpointTopics<Meta>?,
) : SubscriptionTable<TopicSubscription<Meta>>() {
    override fun topicOf(subscription: TopicSubscription<Meta>): String = subscription.topic

    /**
     * The names of the topics, without a subscription that has ended and still waits for its topic: its client may have
     * the `ack` already.
     */
    val names: Set<String> get() = all.filterNot { it.hasEnded }.mapTo(HashSet()) { it.topic }

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
        member: PresenceMember? = null,
    ): TopicSubscription<Meta> {
        val active = runtime.topics.retain(topic)
        val slot = runtime.slotFor(topic)
        val lossy = active.lossy
        val drops = active.drops
        val subscription =
            if (lossy == null || drops == null) {
                TopicSubscription(session, active, handlers, params, slot)
            } else {
                LossySubscription(session, active, handlers, params, slot, lossy, drops)
            }
        put(subscription)
        orRemove(subscription) {
            val result = active.subscribe(subscription, ack, since, member = member)
            if (result is SubscribeResult.CatchUp) catchUp(subscription, result, member)
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
        val subscription = this[topic]?.takeIf { it.active.hasAckData } ?: return false
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
        if (result is SubscribeResult.CatchUp) catchUp(subscription, result, member = null)
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
        val subscription = this[topic]?.takeIf { only == null || it === only } ?: return null
        subscription.end()
        orRemove(subscription) { subscription.active.unsubscribe(subscription, ack) }
        release(subscription)
        return subscription
    }

    /** Removes all subscriptions without an ack, at the end of the session. */
    suspend fun unsubscribeAll() {
        for (subscription in all) {
            subscription.end()
            subscription.active.unsubscribe(subscription)
            release(subscription)
        }
    }

    /**
     * Sends the missed messages as fast as the client reads, before newer ones, until the rest fits into the queue at
     * once. Closes the session if that fails, because the ack promised a complete recovery.
     */
    private suspend fun catchUp(
        subscription: TopicSubscription<Meta>,
        first: SubscribeResult.CatchUp,
        member: PresenceMember?,
    ) {
        val queue = session.state.queue
        // a recovery after a restart of the server would otherwise compress each message once per session
        val slot = runtime.dialects.plainSlot(subscription.slot)
        val capacity = minOf(TopicActor.MAX_BATCH, runtime.settings.queueBound.messages / 2)
        var failure: String? = "recovery timed out"
        try {
            var next: SubscribeResult = first
            while (next is SubscribeResult.CatchUp) {
                val position = next.position
                val events = listOfNotNull(next.ack) + next.messages.map { ServerEvent.Published(it, position.epoch) }
                val isSent = events.all { queue.send(runtime.encode(it, slot)) }
                if (!isSent || !queue.awaitHalfEmpty()) break // the session has ended
                next = subscription.active.subscribe(subscription, ack = null, position, capacity, member)
            }
            failure = if (next == SubscribeResult.HistoryEvicted) "history evicted during recovery" else null
        } finally {
            if (failure != null) session.close(CloseCode.SlowConsumer, failure)
        }
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
                release(subscription)
                runtime.topics.launchDetached(subscription::cancelScope) // not under the session's lock
            }
        }
    }

    private fun release(subscription: TopicSubscription<Meta>) {
        remove(subscription)
        runtime.topics.release(subscription.topic)
    }

    /** Subscribes the client to [topic]; returns false if it is already subscribed or the session has ended. */
    suspend fun subscribeFromServer(topic: String): Boolean {
        if (!session.isOpen || topic in this) return false
        val declared = endpointTopics ?: error("unreachable: sessions of an endpoint have EndpointTopics")
        val handlers = declared.handlersOf(topic)
        requireCapacity()
        // before taking the lock: no application code runs under it
        val member = handlers.member(session, topic, params = null, HandlerCaller.Application)
        var created: TopicSubscription<Meta>? = null
        change(topic, isDone = { created != null }) {
            // the end of the session takes the lock after this, and removes the new subscription
            if (!session.isOpen || topic in this) return@change
            requireCapacity() // again: the limit may have been reached in the meantime
            created = subscribe(topic, handlers, Message(MessageType.SUBSCRIBE, topic), member = member)
        }
        val subscription = created ?: return false
        handlers.subscribed(subscription, welcome = null, HandlerCaller.Application)
        return true
    }

    /**
     * Unsubscribes the client from [topic]; returns false if it was not subscribed.
     *
     * @param reason sent to the client; empty for none
     * @param only the subscription to end; null ends any
     */
    suspend fun unsubscribeFromServer(
        topic: String,
        reason: String = "",
        only: Subscription<Meta>? = null,
    ): Boolean {
        if (topic !in this) return false
        val data = if (reason.isEmpty()) null else Body.of(UnsubscribeData(reason.wellFormed()))
        val message = Message(MessageType.UNSUBSCRIBE, topic, body = data)
        var removed: TopicSubscription<Meta>? = null
        try {
            change(topic, isDone = { removed != null }) { removed = unsubscribe(topic, message, only) }
        } finally {
            removed?.cancelScope()
        }
        val subscription = removed ?: return false
        // the caller may run in the scope that was just cancelled
        withContext(NonCancellable) { subscription.handlers.unsubscribed(subscription, HandlerCaller.Application) }
        return true
    }

    /**
     * The timeout covers a topic that ends in the middle of the change: the lock, and with it the end of the session,
     * must not wait forever. It may end just after the change: [isDone] is then true.
     */
    private suspend fun change(topic: String, isDone: () -> Boolean, change: suspend () -> Unit) {
        val timeout = runtime.settings.handlerTimeout
        if (withTimeoutOrNull(timeout) { session.state.withLock { change() } } != null || isDone()) return
        throw LiveException(ErrorCode.Timeout, "the subscription to '$topic' did not change within $timeout")
    }
}
