package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceMember
import dev.live.server.dialect.ServerEvent
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonElement

/**
 * A topic that is in use on this node: its events, and the actor that handles them one at a time and offers each
 * message to the subscribers.
 *
 * Every function may be called from any thread. The fields that only the actor's turn accesses are marked.
 *
 * @param policy the settings from the topic's declarations
 */
internal class ActiveTopic(
    val name: String,
    runtime: TopicRuntime,
    policy: TopicPolicy = TopicPolicy.None,
) : TopicMailbox(runtime) {
    private val features: TopicFeatures? =
        if (policy == TopicPolicy.None) {
            null
        } else {
            TopicFeatures(name, policy, runtime, { emit(TimerFired) }, { emit(Repaired(it)) })
        }

    private val actor = TopicActor(name, runtime, features)

    /** Number of subscribers on this node, as of the last processed event. */
    val size: Int get() = actor.size

    /** Messages published since the topic became active. */
    val published: Long get() = actor.published

    /** The settings from the topic's declarations. */
    val policy: TopicPolicy get() = features?.policy ?: TopicPolicy.None

    /** The bounds of its history; null if it keeps none. */
    val history: HistoryBounds? get() = features?.history?.bounds

    /** The start of the subscription at the broker; null before. Only accessed by [BrokerInterests]. */
    @Volatile
    var opening: Deferred<Unit>? = null

    /**
     * Number of users that keep this topic active: subscribers and collectors. Written only under the registry's lock
     * for [name].
     */
    @Volatile
    var useCount: Int = 0

    /** When [useCount] fell to zero, in milliseconds of the server's clock. Guarded like [useCount]. */
    @Volatile
    var idleSince: Long = 0

    /** The read loop of a thread that reads from a subscriber's socket. Written by subscribing threads. */
    @Volatile
    private var readLoop: ReadLoop? = null

    /** Events handled since the current thread has the turn. Only accessed by the turn, like the next field. */
    private var handledEvents = 0

    /** Subscribers whose writers must run before the next message. */
    val backlog: WriterBacklog = WriterBacklog()

    /**
     * Messages for collectors in this process. A slow collector loses the oldest messages and never slows the topic.
     */
    fun messages(): SharedFlow<Message> = actor.messages()

    /** The broker delivers the publications after [position]. */
    suspend fun opened(position: Position): Unit = emit(Opened(position))

    /** Publications may have been lost since the last one that was delivered. */
    suspend fun interrupted(): Unit = emit(Interrupted)

    /** The members of other nodes have changed. Suspends while the topic's buffer is full. */
    suspend fun presenceChanged(change: PresenceChange): Unit = emit(PresenceChanged(change))

    /** Suspends while the topic's buffer is full. */
    suspend fun publish(message: PreparedMessage) {
        if (tryEmit(message)) return
        if (message.position == null) {
            emit(message)
        } else {
            // its position is taken: a cancelled publisher must not leave a hole
            withContext(NonCancellable) { emit(message) }
        }
    }

    /**
     * Adds [subscriber], right after offering it [ack] and the messages it missed [since], unless those exceed
     * [capacity]. Returns when this is done.
     *
     * @param ack null if an earlier call has already offered it
     * @throws dev.live.protocol.BadPayloadException if [since] is not a position of this topic
     */
    suspend fun subscribe(
        subscriber: Subscriber,
        ack: Message?,
        since: Position? = null,
        capacity: Int = 0,
        member: PresenceMember? = null,
    ): SubscribeResult {
        ReadLoop.current?.let { readLoop = it }
        val missed = since?.let { features?.history?.read(it) }
        return Subscribe(subscriber, ack, since, missed, capacity, member).also { emit(it) }.done.await()
    }

    /** Removes [subscriber], then offers it [ack] as the last message of this topic. Returns when this is done. */
    suspend fun unsubscribe(subscriber: Subscriber, ack: Message) {
        val done = CompletableDeferred<Unit>()
        val last = PreparedMessage(ServerEvent.Sent(ack), runtime.dialects, isShared = false)
        emit(Unsubscribe(subscriber, last, done))
        done.await()
    }

    /** Removes [subscriber] without an ack, because its session has ended. */
    suspend fun unsubscribe(subscriber: Subscriber): Unit =
        emit(Unsubscribe(subscriber, ack = null, done = null))

    /**
     * Runs [block] in the topic's turn, in order with the messages. Does nothing if the topic has ended. Only for
     * internal code, which must be fast.
     */
    suspend fun inspect(block: (SubscriberSet) -> Unit) {
        val event = Inspect(block, CompletableDeferred())
        emit(event)
        event.done.await()
    }

    /** Whether the topic has been unused since [before] and holds no state. */
    fun isRemovable(before: Long): Boolean = useCount == 0 && idleSince <= before && features?.isRemovable != false

    /** Whether the ack of a subscribe carries a history position or is followed by presence. */
    val hasAckData: Boolean get() = features != null && (features.history != null || features.presenceTracker != null)

    /** The presence last sent to the subscribers; null if the topic declares none. */
    val presence: StateFlow<Map<String, List<JsonElement>>>? get() = features?.presenceTracker?.state

    /** Counts the messages that subscribers did not receive; null if the topic is lossless. */
    val drops: DropCounters? get() = features?.drops

    /** The overflow setting of a lossy topic; null if the topic is lossless. */
    val lossy: LossyOverflow? get() = features?.lossy

    /** Discards all later events. Only for an unused topic. */
    override fun stop() {
        super.stop()
        features?.history?.close()
    }

    /** The position after which a throttle holds messages back; null if it holds none. */
    val throttledAt: Position? get() = features?.throttledAt

    override fun handle(event: TopicEvent, isLast: Boolean): Unit = actor.handle(event, isLast)

    /**
     * With many subscribers, the end of the current read of a Netty event loop: messages published meanwhile are then
     * delivered in the same batch, and most writes need no thread switch.
     */
    override fun loopForTurn(): ReadLoop? {
        resetWork()
        return if (size >= MIN_DEFERRED_SUBSCRIBERS) ReadLoop.current ?: readLoop else null
    }

    /**
     * Whether the current publisher's thread has delivered enough messages of other publishers, or writers have to run
     * first.
     */
    override fun mustLeave(): Boolean {
        handledEvents++
        return handledEvents + actor.offers >= runtime.maxInlineOffers || !backlog.isEmpty
    }

    override suspend fun awaitNext(): Unit = backlog.await()

    /** Resets the work counters, because another thread has the turn. */
    private fun resetWork() {
        handledEvents = 0
        actor.offers = 0
    }

    private companion object {
        /** Minimum number of subscribers for deferred, batched delivery. */
        const val MIN_DEFERRED_SUBSCRIBERS = 32
    }
}
