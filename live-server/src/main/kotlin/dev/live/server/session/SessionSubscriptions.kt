package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.ActiveTopic
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.Member
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.SubscribeResult
import dev.live.server.topic.Subscriber
import dev.live.server.topic.TopicActor
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap

/** The topic subscriptions of one session. Changes are serialized by [SuspendingLock]. */
internal class SessionSubscriptions(private val session: Session<*>, private val runtime: SessionRuntime) {
    private val byTopic = ConcurrentHashMap<String, TopicSubscription>()

    val names: Set<String> get() = HashSet(byTopic.keys) // not toSet(): see SessionRegistry

    val count: Int get() = byTopic.size

    operator fun get(topic: String): TopicSubscription? = byTopic[topic]

    /**
     * Subscribes to [topic]. The client receives [ack] first, and then the messages it missed [since]. Suspends while
     * the queue has no capacity for them. [attachment] is stored for the caller.
     *
     * @throws dev.live.protocol.BadPayloadException if [since] is not a position of this topic
     */
    suspend fun subscribe(
        topic: String,
        attachment: Any,
        ack: Message,
        since: Position? = null,
        member: Member? = null,
    ) {
        val subscription = subscription(runtime.topics.retain(topic), attachment)
        byTopic[topic] = subscription
        orRemove(topic, subscription) {
            val result = subscription.topic.subscribe(subscription, ack, since, member = member)
            if (result is SubscribeResult.CatchUp) catchUpOrClose(subscription, result, member)
        }
    }

    /**
     * Acknowledges a repeated `subscribe` to [topic] with the topic's data: its position, the messages missed [since],
     * and its presence. Returns false if the topic has no such data; the caller then sends a plain ack.
     *
     * @throws dev.live.protocol.BadPayloadException if [since] is not a position of this topic
     */
    suspend fun resubscribe(topic: String, ack: Message, since: Position?): Boolean {
        val subscription = byTopic[topic]?.takeIf { it.topic.hasAckData } ?: return false
        val result = subscription.topic.subscribe(subscription, ack, since)
        if (result is SubscribeResult.CatchUp) {
            orRemove(topic, subscription) { catchUpOrClose(subscription, result, member = null) }
        }
        return true
    }

    private fun subscription(topic: ActiveTopic, attachment: Any): TopicSubscription {
        val lossy = topic.lossy
        val drops = topic.drops
        val slot = runtime.slotFor(topic.name)
        if (lossy == null || drops == null) return TopicSubscription(session, topic, attachment, slot)
        return LossySubscription(session, topic, attachment, slot, lossy, LossyQueue.TopicEntries(drops))
    }

    /** Runs [catchUp] and closes the session if that fails, because the ack promised a complete recovery. */
    private suspend fun catchUpOrClose(
        subscription: TopicSubscription,
        first: SubscribeResult.CatchUp,
        member: Member?,
    ) {
        var isDone = false
        try {
            catchUp(subscription, first, member)
            isDone = true
        } finally {
            if (!isDone) session.close(CloseCode.SlowConsumer, "recovery timed out")
        }
    }

    /**
     * Sends the missed messages as fast as the client reads, before newer ones, until the rest fits into the queue at
     * once.
     */
    private suspend fun catchUp(subscription: TopicSubscription, first: SubscribeResult.CatchUp, member: Member?) {
        val queue = session.state.queue
        val capacity = minOf(TopicActor.MAX_BATCH, runtime.settings.queueBound.messages / 2)
        var catchUp = first
        while (true) {
            val missed = catchUp.messages.map { ServerEvent.Published(it, first.position.epoch) }
            val events = listOfNotNull(catchUp.ack) + missed
            if (!events.all { queue.send(subscription.encode(it)) } || !queue.awaitHalfEmpty()) return
            val topic = subscription.topic
            when (val next = topic.subscribe(subscription, ack = null, catchUp.position, capacity, member)) {
                is SubscribeResult.CatchUp -> catchUp = next
                SubscribeResult.Subscribed -> return
                // the ack promised that no message is missing
                SubscribeResult.HistoryEvicted ->
                    return session.close(CloseCode.SlowConsumer, "history evicted during recovery")
            }
        }
    }

    /**
     * Unsubscribes from [topic]; [ack] is the last message the client receives for it. Returns false, without an ack,
     * if it was not subscribed.
     */
    suspend fun unsubscribe(topic: String, ack: Message): Boolean {
        val subscription = byTopic[topic] ?: return false
        orRemove(topic, subscription) { subscription.topic.unsubscribe(subscription, ack) }
        byTopic.remove(topic)
        runtime.topics.release(topic)
        return true
    }

    /**
     * Runs [change]. If it fails or its handler times out, removes the subscription to [topic]: a half-completed one
     * would be acknowledged without ever receiving a message.
     */
    private suspend inline fun orRemove(topic: String, subscription: TopicSubscription, change: () -> Unit) {
        var isDone = false
        try {
            change()
            isDone = true
        } finally {
            if (!isDone) {
                withContext(NonCancellable) {
                    subscription.topic.unsubscribe(subscription)
                    byTopic.remove(topic)
                    runtime.topics.release(topic)
                }
            }
        }
    }

    /** Removes all subscriptions without an ack, at the end of the session. */
    suspend fun unsubscribeAll() {
        for ((topic, subscription) in byTopic) {
            subscription.topic.unsubscribe(subscription)
            runtime.topics.release(topic)
        }
        byTopic.clear()
    }
}

/**
 * One session's subscription to one topic.
 *
 * @param slot of the dialect for the topic's events
 */
internal open class TopicSubscription(
    val owner: Session<*>,
    val topic: ActiveTopic,
    val attachment: Any,
    protected val slot: Int,
) : Subscriber(owner.id) {
    private val state = owner.state
    protected val queue: SessionQueue = state.queue

    // like SessionState.deliver, without reading the state, which a fan-out to thousands would fetch from memory
    override fun offer(message: PreparedMessage): Boolean {
        val result = queue.offer(message, slot)
        return if (result == OfferResult.Full) offerToFull(message) else result == OfferResult.Accepted
    }

    private fun offerToFull(message: PreparedMessage): Boolean {
        val isAccepted = state.deliverToFull(message.frameFor(slot), isReply = message.isSubscriptionReply)
        if (isAccepted) topic.backlog.add(this)
        return isAccepted
    }

    override suspend fun awaitWriter() = state.awaitWriter()

    override fun offer(batch: MessageBatch): Boolean = queue.offer(batch, slot) == OfferResult.Accepted

    /** The frame of an [event] of the topic that only this session receives. */
    fun encode(event: ServerEvent.WithMessage): OutboundFrame = owner.encode(event, slot)
}

/** A subscription to a topic that may lose messages. */
internal class LossySubscription(
    owner: Session<*>,
    topic: ActiveTopic,
    attachment: Any,
    slot: Int,
    private val overflow: LossyOverflow,
    private val entries: LossyQueue.TopicEntries,
) : TopicSubscription(owner, topic, attachment, slot) {
    override fun offer(message: PreparedMessage): Boolean {
        if (!message.isPublished) return super.offer(message)
        val key = if (overflow is LossyOverflow.Conflate) message.key.orEmpty() else message
        return queue.offerLossy(entries, key, message, overflow.limit, slot)
    }

    override fun offerFinal(message: PreparedMessage) {
        queue.removeLossy(entries)
        super.offerFinal(message)
    }

    override fun offer(batch: MessageBatch): Boolean = false // one message may replace another
}
