package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.broker.PresenceMember
import dev.live.server.topic.ActiveTopic
import dev.live.server.topic.DropCounters
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import dev.live.server.topic.TopicParameters
import dev.live.server.topic.TopicPattern
import io.ktor.util.Attributes
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.serialization.json.JsonElement
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater
import kotlin.coroutines.CoroutineContext

/**
 * The subscription of one session to one topic, and a coroutine scope.
 *
 * It exists from the `ack` of a subscribe until the client unsubscribes, the server unsubscribes the session, or the
 * session ends. A later subscribe creates another subscription. The handlers of a topic receive it:
 *
 * ```
 * topic<Price>("price/{symbol}") {
 *     onSubscribe {
 *         launch { prices(parameters["symbol"]).collect { push("tick", it) } } // ends with the subscription
 *     }
 * }
 * ```
 *
 * Every function may be called from any thread.
 */
public sealed interface Subscription<Meta : Any> : CoroutineScope {
    /** The subscribed session. */
    public val session: Session<Meta>

    /** The client data of the session. */
    public val meta: Meta get() = session.meta

    /** Name of the topic. */
    public val topic: String

    /** Values of the pattern's parameters in the topic's name. */
    public val parameters: TopicParameters

    /**
     * The `params` of the `subscribe` that created the subscription; null if the client sent none or the server
     * subscribed the session. They stay in memory as long as the subscription.
     */
    public val params: JsonElement?

    /** Values of the application. They are still available in `onUnsubscribe`. */
    public val attributes: Attributes

    /**
     * The context of a child job of the session. The end of the subscription cancels it, before `onUnsubscribe` runs.
     *
     * The first failure of a coroutine in this scope ends the session (1011), like a failure in the session's scope.
     */
    override val coroutineContext: CoroutineContext

    /**
     * Sends [body] to this session only, as a message of this topic with an application-defined [type]. Suspends while
     * the session's queue is full. The message is not part of the topic's history.
     *
     * A message that is pushed while the subscription ends may arrive after its last message; clients drop it.
     *
     * @return false if the subscription or the session has ended; the message is then not sent
     * @throws IllegalArgumentException if [type] is empty, over 64 bytes of UTF-8, not valid Unicode, or reserved by
     *   the protocol
     */
    public suspend fun push(type: String, body: Body?): Boolean

    /**
     * Ends this subscription, like [Session.unsubscribe]. The client is notified by an `unsubscribe` message, and
     * `onUnsubscribe` runs before this returns. A coroutine of the subscription's own scope is cancelled by the call.
     *
     * @param reason a short human-readable sentence for the client, sent in the `unsubscribe`; empty for none
     * @return false if the subscription had already ended
     * @throws dev.live.protocol.LiveException with `timeout` if the change takes longer than a handler timeout
     */
    public suspend fun leave(reason: String = ""): Boolean
}

/** Sends [value] as JSON; see [Subscription.push]. */
public suspend inline fun <reified T> Subscription<*>.push(type: String, value: T): Boolean = push(type, Body.of(value))

/**
 * Decodes [Subscription.params] as [P]; null if there are none.
 *
 * @throws dev.live.protocol.BadPayloadException if they do not match [P]
 */
public inline fun <reified P : Any> Subscription<*>.paramsAs(): P? =
    params?.let { Message(MessageType.SUBSCRIBE, body = Body.of(it)).decode<P>() }

/**
 * The application's handlers for the topics that one declaration matches.
 *
 * An interface here, because the declarations are in a package above this one. Every suspending function calls
 * application code, so none is called under the session's lock.
 *
 * @property pattern the pattern of the declaration
 * @property hasUnsubscribeHook whether `onUnsubscribe` is declared
 */
internal interface TopicHandlers<Meta : Any> {
    val pattern: TopicPattern
    val hasUnsubscribeHook: Boolean

    /**
     * Returns the presence member of [session] on [topic]; null if the topic declares no presence.
     *
     * @throws dev.live.protocol.LiveException if the application rejects the subscribe, or its code fails
     */
    suspend fun member(
        session: Session<Meta>,
        topic: String,
        params: JsonElement?,
        caller: HandlerCaller,
    ): PresenceMember?

    /** Calls `onSubscribe`. Its failures are logged. */
    suspend fun subscribed(subscription: Subscription<Meta>, welcome: JsonElement?, caller: HandlerCaller)

    /** Calls `onUnsubscribe`. Its failures are logged. */
    suspend fun unsubscribed(subscription: Subscription<Meta>, caller: HandlerCaller)

    /** Handles a `publish` of [session]; [subscription] is null if it is not subscribed to the topic. */
    suspend fun publish(session: Session<Meta>, subscription: Subscription<Meta>?, message: Message)

    /** Handles [message] if the declaration has a handler for its type; else returns false. */
    suspend fun handle(subscription: Subscription<Meta>, message: Message): Boolean
}

/** The topics that the session's endpoint declares. */
internal fun interface EndpointTopics<Meta : Any> {
    /**
     * Returns the handlers of the declaration that matches [topic].
     *
     * @throws dev.live.protocol.LiveException with `unknown_topic` if no declaration matches
     */
    fun handlersOf(topic: String): TopicHandlers<Meta>
}

/**
 * One session's subscription to one topic: the application's [Subscription], and the subscriber of [active].
 *
 * One object is both, because a server has many of them. The coroutine context and the attributes are created on first
 * use.
 * One file, because the public interface, the handlers and the two implementations are views of this object.
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
    val slot: Int,
) : Subscriber(session.id),
    Subscription<Meta> {
    protected val queue: SessionQueue = session.state.queue

    /** Whether the topic's last message has been queued, or is about to be. Written under the session's lock. */
    @Volatile
    var hasEnded: Boolean = false
        private set

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
        session.subscriptions.unsubscribeFromServer(topic, reason, only = this)

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
    drops: DropCounters,
) : TopicSubscription<Meta>(session, active, handlers, params, slot) {
    private val entries = LossyQueue.TopicEntries(drops)

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
