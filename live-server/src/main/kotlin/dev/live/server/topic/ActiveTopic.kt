package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
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
 * One topic while it is in use on this node: a [MutableSharedFlow] of what happens to it, and the one coroutine in
 * [scope] that collects it and offers each message to the subscribers.
 *
 * Every function may be called from any thread.
 *
 * @param policy what its declarations ask of it
 */
internal class ActiveTopic(
    val name: String,
    private val runtime: TopicRuntime,
    policy: TopicPolicy = TopicPolicy.None,
) {
    private val events = MutableSharedFlow<TopicEvent>(extraBufferCapacity = runtime.buffer)

    private val features: TopicFeatures? =
        if (policy == TopicPolicy.None) null else TopicFeatures(name, policy, runtime) { events.emit(TimerFired) }

    private val topic = TopicActor(name, runtime, features)

    /** Subscribers on this node, as the fan-out coroutine last saw them. */
    val size: Int get() = topic.size

    /** Messages that were published to it since it has been in use, and the payload that it keeps. */
    val published: Long get() = topic.published
    val historyBytes: Long get() = features?.history?.bytes ?: 0

    /** Who keeps this hub alive: subscribers and collectors. Written only under the registry's lock for [name]. */
    @Volatile
    var users: Int = 0

    /** When [users] fell to zero, in milliseconds of the server's clock. Guarded as [users]. */
    @Volatile
    var idleSince: Long = 0

    /** Of a thread that reads from a subscriber. Written by those who join. */
    @Volatile
    private var home: ReadLoop? = null

    /** Messages that were emitted. Written by publishers. */
    @Volatile
    private var counted = 0

    /** How many of them the fan-out has taken. Only accessed by it, like what follows. */
    private var taken = 0

    /** Events that the fan-out has taken since its thread became its own. */
    private var done = 0

    /** Whose writers the next message waits for. Only accessed by the fan-out. */
    val turns: WriterBacklog = WriterBacklog()

    // undispatched: the collector must be there before the first event is emitted, or the flow would drop it
    private val actor: Job =
        runtime.scope.launch(runtime.actor ?: InPublisher(), CoroutineStart.UNDISPATCHED) {
            events.collect {
                take(it)
                if (isTimeToMove() || !turns.isEmpty) withContext(Dispatchers.Default) { turns.await() }
            }
        }

    /** Messages for collectors in this process. A slow one loses the oldest and never slows the fan-out. */
    fun messages(): SharedFlow<Message> = topic.messages()

    /** Suspends while the fan-out is more than the buffer behind. */
    suspend fun publish(message: PreparedMessage) {
        message.isCounted = true
        if (events.tryEmit(message)) {
            COUNTED.incrementAndGet(this) // when it is there for certain: the fan-out waits for what is counted
            return
        }
        message.isCounted = false
        events.emit(message)
    }

    /**
     * Puts [subscriber] in, right after [ack] and what it has missed [since] were offered to it, unless that is more than
     * it has [room] for. Returns when that is done.
     *
     * @param ack null where an earlier join gave it
     * @throws dev.live.protocol.BadPayloadException if nobody can have [since]
     */
    suspend fun join(
        subscriber: Subscriber,
        ack: Message?,
        since: Position? = null,
        room: Int = 0,
        member: Member? = null,
    ): Joining {
        ReadLoop.current?.let { home = it }
        return Join(subscriber, ack, since, room, member).also { events.emit(it) }.done.await()
    }

    /** Takes [subscriber] out, then offers [ack] as its last word of this topic. Returns when that is done. */
    suspend fun leave(subscriber: Subscriber, ack: Message) {
        val done = CompletableDeferred<Unit>()
        events.emit(Leave(subscriber, PreparedMessage(ack, runtime.codecs), done))
        done.await()
    }

    /** Takes [subscriber] out in silence, because its session has ended. */
    suspend fun leave(subscriber: Subscriber): Unit = events.emit(Leave(subscriber, ack = null, done = null))

    /** Has the fan-out call [look], code of live's own, in its place among the messages; not if it has ended. */
    suspend fun visit(look: (SubscriberSet) -> Unit) {
        val event = Inspect(look, CompletableDeferred())
        val end = actor.invokeOnCompletion { event.done.complete(Unit) }
        try {
            events.emit(event)
            event.done.await()
        } finally {
            end.dispose()
        }
    }

    /** Where [message], which was published here, has come to stand; null if there is no history. */
    suspend fun placeOf(message: PreparedMessage): Position? {
        val history = features?.history ?: return null
        visit {} // behind the message: then it has its offset
        return message.message.offset?.let { Position(history.epoch, it) }
    }

    /**
     * What the history holds [since] then, or all of it; null if there is no history.
     *
     * @throws IllegalStateException if the server has ended
     */
    suspend fun recall(since: Position?): HistoryPage? {
        val event = ReadHistory(since)
        val end =
            actor.invokeOnCompletion {
                event.done.completeExceptionally(IllegalStateException("the server has ended"))
            }
        try {
            events.emit(event)
            return event.done.await()
        } finally {
            end.dispose()
        }
    }

    /** Whether at [time] nobody has used it since [before], and nothing is kept in it. */
    fun isForgettable(before: Long, time: Long): Boolean =
        users == 0 && idleSince <= before && features?.isForgettable(idleSince, time) != false

    /** Whether its ack says where its history stands, or it tells who is there. */
    val isDescribed: Boolean get() = features != null && (features.history != null || features.presenceTracker != null)

    /** Who is there, as last told; null if nobody is to know. */
    val presence: StateFlow<Map<String, List<JsonElement>>>? get() = features?.presenceTracker?.state

    /** What subscribers did not get; null if they get everything. */
    val drops: DropCounters? get() = features?.drops

    /** How it delivers where that is not everything. */
    val lossy: LossyOverflow? get() = features?.lossy

    /** What is kept for nobody: payload, and about what messages and a topic take themselves. 0 if somebody uses it. */
    val idleBytes: Long
        get() {
            val history = features?.history ?: return 0
            return if (users > 0) 0 else history.bytes + history.count * MESSAGE_BYTES + TOPIC_BYTES
        }

    /** Lets go of what is too old at [time]. */
    fun expire(time: Long) {
        // no room: then a message is there, and does the same
        if (features?.history?.isOutdated(time) == true) events.tryEmit(Expire)
    }

    /** Ends the fan-out. Only when nobody uses the hub. */
    fun stop(): Unit = actor.cancel()

    /** Whether the publisher in whose thread this runs has done enough for others that publish meanwhile. */
    private fun isTimeToMove(): Boolean {
        done++
        if (done + topic.offers < runtime.maxInPlace) return false
        begin()
        return true
    }

    /** The thread that goes on from here has done nothing for others yet. */
    private fun begin() {
        done = 0
        topic.offers = 0
    }

    /** A codec of the application's that throws, be it an error, must not end the topic for everybody. */
    private fun take(event: TopicEvent) {
        if (event is PreparedMessage && event.isCounted) taken++
        try {
            topic.handle(event, isLast = taken - counted >= 0) // more if one was taken before its publisher counted it
        } catch (e: Throwable) {
            val isToldToCaller = event.done?.completeExceptionally(e) ?: false
            if (!isToldToCaller) topic.failed(e)
        }
    }

    /**
     * In whoever publishes, at once. If there are many subscribers, when the turn of a thread that reads from sockets
     * ends: what has been published meanwhile then goes out in the same run, and most writes need no change of threads.
     */
    private inner class InPublisher : CoroutineDispatcher() {
        // asked by whoever is about to resume the fan-out, once for each time that it had nothing to do
        override fun isDispatchNeeded(context: CoroutineContext): Boolean {
            begin()
            return size >= MANY && turn != null
        }

        override fun dispatch(context: CoroutineContext, block: Runnable) {
            turn?.afterwards(block) ?: Dispatchers.Default.dispatch(context, block)
        }

        private val turn: ReadLoop? get() = ReadLoop.current ?: home
    }

    private companion object {
        // no object of its own in every topic for one number
        val COUNTED: AtomicIntegerFieldUpdater<ActiveTopic> =
            AtomicIntegerFieldUpdater.newUpdater(ActiveTopic::class.java, "counted")

        /** Subscribers from which on waiting for a run is worth the detour. */
        const val MANY = 32

        private const val TOPIC_BYTES = 1024

        /** An entry, a message and its body: a hundred and some bytes, and the text of its topic may be its own. */
        private const val MESSAGE_BYTES = 256L
    }
}
