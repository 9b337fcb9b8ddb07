package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.ActiveTopic
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import dev.live.server.topic.TopicParameters
import io.ktor.util.Attributes
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.serialization.json.JsonElement
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater
import kotlin.coroutines.CoroutineContext

/**
 * One session's subscription to one topic: the application's [Subscription], and the subscriber of [active].
 *
 * One object is both, because a server has many of them. The coroutine context and the attributes are created on first
 * use.
 *
 * @property active the topic on this node
 * @property handlers the application's handlers for the topic
 * @property slot of the dialect for the topic's events
 */
internal open class TopicSubscription<Meta : Any>(
    final override val session: Session<Meta>,
    val active: ActiveTopic,
    val handlers: TopicHandlers<Meta>,
    final override val params: JsonElement?,
    protected val slot: Int,
) : Subscriber(session.id),
    Subscription<Meta> {
    protected val queue: SessionQueue = session.state.queue

    /** Whether the topic's last message has been queued, or is about to be. Written under the session's lock. */
    @Volatile
    private var hasEnded = false

    /** Null until the first use. */
    @Volatile
    private var scopeContext: CoroutineContext? = null

    /** Null until the first use. */
    @Volatile
    private var storedAttributes: Attributes? = null

    final override val topic: String get() = active.name

    final override val parameters: TopicParameters get() = handlers.pattern.parametersOf(topic)

    final override val attributes: Attributes
        get() = storedAttributes ?: Attributes(concurrent = true).let { created ->
            if (ATTRIBUTES.compareAndSet(this, null, created)) created else storedAttributes!!
        }

    final override val coroutineContext: CoroutineContext get() = scopeContext ?: createContext()

    private fun createContext(): CoroutineContext {
        val job = Job(session.coroutineContext[Job])
        val created = session.coroutineContext + job
        if (!CONTEXT.compareAndSet(this, null, created)) {
            job.cancel()
            return scopeContext!!
        }
        // Either this check or the end of the subscription or the session cancels the job. The session waits for it.
        if (hasEnded || !session.isOpen) job.cancel()
        return created
    }

    /** Stops [push]. Called before the topic's last message is queued. */
    fun end() {
        hasEnded = true
    }

    /** Cancels the coroutine scope after [end]. This may run application code, so never call it under a lock. */
    fun cancelScope() {
        scopeContext?.cancel()
    }

    final override suspend fun push(type: String, body: Body?): Boolean {
        require(type !in MessageType.All) { "message type '$type' is reserved by the protocol. Choose another type." }
        val message = Message(type, topic, body = body)
        return !hasEnded && session.send(message)
    }

    final override suspend fun leave(reason: String): Boolean =
        session.state.unsubscribeFromServer(topic, reason, only = this)

    // like SessionState.deliver, without reading the state, which a fan-out to thousands would fetch from memory
    override fun offer(message: PreparedMessage): Boolean {
        val result = queue.offer(message.frameFor(slot))
        return if (result == OfferResult.Full) offerToFull(message) else result == OfferResult.Accepted
    }

    private fun offerToFull(message: PreparedMessage): Boolean {
        val isAccepted = session.state.deliverToFull(message.frameFor(slot), isReply = message.isSubscriptionReply)
        if (isAccepted) active.backlog.add(this)
        return isAccepted
    }

    override suspend fun awaitWriter() = session.state.awaitWriter()

    override fun offer(batch: MessageBatch): Boolean = queue.offer(batch.frameFor(slot)) == OfferResult.Accepted

    /** The frame of an [event] of the topic that only this session receives. */
    fun encode(event: ServerEvent.WithMessage): OutboundFrame = session.encode(event, slot)

    override fun toString(): String = "Subscription($topic, $session)"

    private companion object {
        // updaters, to avoid two objects per subscription
        val CONTEXT: AtomicReferenceFieldUpdater<TopicSubscription<*>, CoroutineContext> =
            AtomicReferenceFieldUpdater.newUpdater(
                TopicSubscription::class.java,
                CoroutineContext::class.java,
                "scopeContext",
            )
        val ATTRIBUTES: AtomicReferenceFieldUpdater<TopicSubscription<*>, Attributes> =
            AtomicReferenceFieldUpdater.newUpdater(
                TopicSubscription::class.java,
                Attributes::class.java,
                "storedAttributes",
            )
    }
}

/** A subscription to a topic that may lose messages. */
internal class LossySubscription<Meta : Any>(
    session: Session<Meta>,
    active: ActiveTopic,
    handlers: TopicHandlers<Meta>,
    params: JsonElement?,
    slot: Int,
    private val overflow: LossyOverflow,
    private val entries: LossyQueue.TopicEntries,
) : TopicSubscription<Meta>(session, active, handlers, params, slot) {
    override fun offer(message: PreparedMessage): Boolean {
        if (!message.isPublished) return super.offer(message)
        val key = if (overflow is LossyOverflow.Conflate) message.key.orEmpty() else message
        return queue.offerLossy(entries, key, message.frameFor(slot), overflow.limit, message.hasOffset)
    }

    override fun offerFinal(message: PreparedMessage) {
        queue.removeLossy(entries)
        super.offerFinal(message)
    }

    override fun offer(batch: MessageBatch): Boolean = false // one message may replace another
}
