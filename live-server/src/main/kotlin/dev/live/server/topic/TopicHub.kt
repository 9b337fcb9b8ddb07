package dev.live.server.topic

import dev.live.protocol.Message
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import kotlin.coroutines.CoroutineContext

/**
 * One topic while it is in use on this node: a [MutableSharedFlow] of what happens to it, and the one coroutine in
 * [scope] that collects it and offers each message to the subscribers.
 *
 * Every function may be called from any thread.
 *
 * @param dispatcher where the fan-out runs; if null, in whoever publishes
 * @param maxInPlace offers to subscribers after which it looks for a thread of its own
 */
internal class TopicHub(
    private val name: String,
    scope: CoroutineScope,
    private val codecs: CodecTable,
    buffer: Int,
    dispatcher: CoroutineContext?,
    private val maxInPlace: Int = MAX_IN_PLACE,
) {
    private val events = MutableSharedFlow<TopicEvent>(extraBufferCapacity = buffer)
    private val inProcess by lazy { MutableSharedFlow<Message>(0, buffer, BufferOverflow.DROP_OLDEST) }

    @Volatile
    private var observed = false

    private val subscribers = SubscriberSet()

    /** Subscribers on this node, as the fan-out coroutine last saw them. */
    @Volatile
    var size: Int = 0
        private set

    /** Who keeps this hub alive: subscribers and collectors. Written only under the registry's lock for [name]. */
    @Volatile
    var users: Int = 0

    /** When [users] fell to zero, in milliseconds of the server's clock. Guarded as [users]. */
    @Volatile
    var idleSince: Long = 0

    /** Of a thread that reads from a subscriber. Written by those who join. */
    @Volatile
    private var home: Turn? = null

    /** Messages that were emitted. Written by publishers. */
    @Volatile
    private var counted = 0

    /** How many of them the fan-out has taken. Only accessed by it, like what follows. */
    private var taken = 0

    /** Taken, and not delivered yet because more is there already. */
    private var gathered: ArrayList<PreparedMessage>? = null
    private var gatheredBytes = 0

    /** Events that the fan-out has taken since its thread became its own. */
    private var done = 0

    // undispatched: the collector must be there before the first event is emitted, or the flow would drop it
    private val fanOut: Job =
        scope.launch((dispatcher ?: InPublisher()) + CoroutineName("live-topic"), CoroutineStart.UNDISPATCHED) {
            events.collect {
                take(it)
                if (isTimeToMove()) withContext(Dispatchers.Default) {} // and on from there
            }
        }

    /** Messages for collectors in this process. A slow one loses the oldest and never slows the fan-out. */
    fun messages(): SharedFlow<Message> {
        val flow = inProcess
        observed = true
        return flow
    }

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

    /** Puts [subscriber] in, right after [ack] was offered to it. Returns when that is done. */
    suspend fun join(subscriber: Subscriber, ack: Message) {
        Turn.current?.let { home = it }
        val done = CompletableDeferred<Unit>()
        events.emit(Join(subscriber, PreparedMessage(ack, codecs), done))
        done.await()
    }

    /** Takes [subscriber] out, then offers [ack] as its last word of this topic. Returns when that is done. */
    suspend fun leave(subscriber: Subscriber, ack: Message) {
        val done = CompletableDeferred<Unit>()
        events.emit(Leave(subscriber, PreparedMessage(ack, codecs), done))
        done.await()
    }

    /** Takes [subscriber] out in silence, because its session has ended. */
    suspend fun leave(subscriber: Subscriber): Unit = events.emit(Leave(subscriber, ack = null, done = null))

    /** Has the fan-out call [look], code of live's own, in its place among the messages; not if it has ended. */
    suspend fun visit(look: (SubscriberSet) -> Unit) {
        val event = Visit(look, CompletableDeferred())
        val end = fanOut.invokeOnCompletion { event.done.complete(Unit) }
        try {
            events.emit(event)
            event.done.await()
        } finally {
            end.dispose()
        }
    }

    /** Ends the fan-out. Only when nobody uses the hub. */
    fun stop(): Unit = fanOut.cancel()

    /** Whether the publisher in whose thread this runs has done enough for others that publish meanwhile. */
    private fun isTimeToMove(): Boolean {
        done++
        if (done + subscribers.offers < maxInPlace) return false
        begin()
        return true
    }

    /** The thread that goes on from here has done nothing for others yet. */
    private fun begin() {
        done = 0
        subscribers.offers = 0
    }

    /** A codec of the application's that throws, be it an error, must not end the topic for everybody. */
    private fun take(event: TopicEvent) {
        try {
            handle(event)
        } catch (e: Throwable) {
            val isToldToCaller = event.done?.completeExceptionally(e) ?: false
            if (!isToldToCaller) failed(e)
        }
    }

    private fun failed(cause: Throwable): Unit = log.error("Topic {} could not deliver a message.", name, cause)

    private fun handle(event: TopicEvent) {
        when (event) {
            is PreparedMessage -> {
                if (event.isCounted) taken++
                if (observed) inProcess.tryEmit(event.message)
                gather(event) // last, because it may throw
            }
            is Join -> {
                flush()
                if (event.subscriber.offer(event.ack)) subscribers.add(event.subscriber)
                size = subscribers.size
                event.done.complete(Unit)
            }
            is Leave -> {
                flush()
                subscribers.remove(event.subscriber)
                size = subscribers.size
                event.ack?.let(event.subscriber::offer)
                event.done?.complete(Unit)
            }
            is Visit -> {
                flush()
                event.done.complete(event.look(subscribers))
            }
        }
    }

    /** Delivers [message], together with those before and after it that are there at the same time. */
    private fun gather(message: PreparedMessage) {
        val isLast = taken - counted >= 0 // more if one was taken before its publisher could count it
        if (isLast && gathered == null) return subscribers.deliver(message)
        val messages = gathered ?: ArrayList<PreparedMessage>().also { gathered = it }
        messages += message
        gatheredBytes += message.message.body?.size ?: 0
        if (isLast || messages.size == MAX_RUN || gatheredBytes >= MAX_RUN_BYTES) flush()
    }

    private fun flush() {
        val messages = gathered ?: return
        gathered = null
        gatheredBytes = 0
        try {
            val only = messages.singleOrNull()
            if (only != null) subscribers.deliver(only) else subscribers.deliver(MessageRun(messages, codecs))
        } catch (e: Throwable) {
            failed(e) // here: whoever joins or leaves behind them is not to be told
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

        private val turn: Turn? get() = Turn.current ?: home
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")

        // no object of its own in every topic for one number
        val COUNTED: AtomicIntegerFieldUpdater<TopicHub> =
            AtomicIntegerFieldUpdater.newUpdater(TopicHub::class.java, "counted")

        /** Messages of one run: an eighth of a queue's default bound. */
        const val MAX_RUN = 32

        /** Payload bytes of one run. With larger messages, what sharing a write spares is small beside the write. */
        const val MAX_RUN_BYTES = 16 * 1024

        /** Subscribers from which on waiting for a run is worth the detour. */
        const val MANY = 32

        /** About a millisecond of offers. */
        const val MAX_IN_PLACE = 16_384
    }
}
