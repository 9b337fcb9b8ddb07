package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import dev.live.server.dialect.ServerEvent
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonElement
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import kotlin.coroutines.CoroutineContext

/**
 * A topic that is in use on this node: a [MutableSharedFlow] of events, and one coroutine in the runtime's scope that
 * collects them and offers each message to the subscribers.
 *
 * Every function may be called from any thread. One file, because the counters of publishers and of the coroutine are
 * only correct together.
 *
 * @param policy the settings from the topic's declarations
 */
internal class ActiveTopic(
    val name: String,
    private val runtime: TopicRuntime,
    policy: TopicPolicy = TopicPolicy.None,
) {
    private val events = MutableSharedFlow<TopicEvent>(extraBufferCapacity = runtime.buffer)

    private val features: TopicFeatures? =
        if (policy == TopicPolicy.None) {
            null
        } else {
            TopicFeatures(name, policy, runtime, { events.emit(TimerFired) }, { events.emit(Repaired(it)) })
        }

    private val actor = TopicActor(name, runtime, features)

    /** Number of subscribers on this node, as of the last processed event. */
    val size: Int get() = actor.size

    /** Messages published since the topic became active. */
    val published: Long get() = actor.published

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

    /** Number of messages emitted. Written by publishers. */
    @Volatile
    private var emitted = 0

    /**
     * Number of those messages that the topic's coroutine has consumed. Only accessed by that coroutine, like the next
     * fields.
     */
    private var consumed = 0

    /** Events handled since the coroutine last switched threads. */
    private var handledEvents = 0

    /** Subscribers whose writers must run before the next message. Only accessed by the topic's coroutine. */
    val backlog: WriterBacklog = WriterBacklog()

    // undispatched: the flow drops events emitted before the collector has started
    private val job: Job =
        runtime.scope.launch(runtime.actor ?: PublisherDispatcher(), CoroutineStart.UNDISPATCHED) {
            events.collect { event ->
                if (event is PreparedMessage && event.isCounted) consumed++
                // consumed exceeds emitted if a message is consumed before its publisher has counted it
                actor.handle(event, isLast = consumed - emitted >= 0)
                if (shouldYield() || !backlog.isEmpty) withContext(runtime.dispatcher) { backlog.await() }
            }
        }

    /**
     * Messages for collectors in this process. A slow collector loses the oldest messages and never slows the topic.
     */
    fun messages(): SharedFlow<Message> = actor.messages()

    /** The broker delivers the publications after [position]. */
    suspend fun opened(position: Position): Unit = events.emit(Opened(position))

    /** Publications may have been lost since the last one that was delivered. */
    suspend fun interrupted(): Unit = events.emit(Interrupted)

    /** Suspends while the topic's buffer is full. */
    suspend fun publish(message: PreparedMessage) {
        message.isCounted = true
        if (events.tryEmit(message)) {
            EMITTED.incrementAndGet(this) // only once it is in the flow: the coroutine waits for every counted message
            return
        }
        message.isCounted = false
        if (message.position == null) {
            events.emit(message)
        } else {
            // its position is taken: a cancelled publisher must not leave a hole
            withContext(NonCancellable) { events.emit(message) }
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
        member: Member? = null,
    ): SubscribeResult {
        ReadLoop.current?.let { readLoop = it }
        val missed = since?.let { features?.history?.read(it) }
        return Subscribe(subscriber, ack, since, missed, capacity, member).also { events.emit(it) }.done.await()
    }

    /** Removes [subscriber], then offers it [ack] as the last message of this topic. Returns when this is done. */
    suspend fun unsubscribe(subscriber: Subscriber, ack: Message) {
        val done = CompletableDeferred<Unit>()
        val last = PreparedMessage(ServerEvent.Sent(ack), runtime.dialects, isShared = false)
        events.emit(Unsubscribe(subscriber, last, done))
        done.await()
    }

    /** Removes [subscriber] without an ack, because its session has ended. */
    suspend fun unsubscribe(subscriber: Subscriber): Unit =
        events.emit(Unsubscribe(subscriber, ack = null, done = null))

    /**
     * Runs [block] in the topic's coroutine, in order with the messages. Does nothing if the coroutine has ended. Only
     * for internal code, which must be fast.
     */
    suspend fun inspect(block: (SubscriberSet) -> Unit) {
        val event = Inspect(block, CompletableDeferred())
        val completionHandle = job.invokeOnCompletion { event.done.complete(Unit) }
        try {
            events.emit(event)
            event.done.await()
        } finally {
            completionHandle.dispose()
        }
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

    /** Ends the topic's coroutine. Only for an unused topic. */
    fun stop() {
        job.cancel()
        features?.history?.close()
    }

    /** The position after which a throttle holds messages back; null if it holds none. */
    val throttledAt: Position? get() = features?.throttledAt

    /** Whether the current publisher's thread has delivered enough messages of other publishers. */
    private fun shouldYield(): Boolean {
        handledEvents++
        if (handledEvents + actor.offers < runtime.maxInlineOffers) return false
        resetWork()
        return true
    }

    /** Resets the work counters, because the coroutine continues on another thread. */
    private fun resetWork() {
        handledEvents = 0
        actor.offers = 0
    }

    /**
     * Runs the topic's coroutine in the publisher's thread. With many subscribers, runs it at the end of the current
     * read of a Netty event loop: messages published meanwhile are then delivered in the same batch, and most writes
     * need no thread switch.
     */
    private inner class PublisherDispatcher : CoroutineDispatcher() {
        // called once each time the idle coroutine is about to resume
        override fun isDispatchNeeded(context: CoroutineContext): Boolean {
            resetWork()
            return size >= MIN_DEFERRED_SUBSCRIBERS && targetLoop != null
        }

        override fun dispatch(context: CoroutineContext, block: Runnable) {
            targetLoop?.runAfterRead(block) ?: runtime.dispatcher.dispatch(context, block)
        }

        private val targetLoop: ReadLoop? get() = ReadLoop.current ?: readLoop
    }

    private companion object {
        // an updater, to avoid one object per topic
        val EMITTED: AtomicIntegerFieldUpdater<ActiveTopic> =
            AtomicIntegerFieldUpdater.newUpdater(ActiveTopic::class.java, "emitted")

        /** Minimum number of subscribers for deferred, batched delivery. */
        const val MIN_DEFERRED_SUBSCRIBERS = 32
    }
}
