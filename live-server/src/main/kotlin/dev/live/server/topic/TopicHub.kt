package dev.live.server.topic

import dev.live.protocol.Message
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.coroutines.CoroutineContext

/**
 * One topic while it is in use on this node: a [MutableSharedFlow] of what happens to it, and the one coroutine in
 * [scope] that collects it and offers each message to the subscribers.
 *
 * Every function may be called from any thread.
 *
 * @param dispatcher where the fan-out runs
 * @param maxInPlace offers to subscribers after which it looks for a thread of its own
 */
internal class TopicHub(
    private val name: String,
    scope: CoroutineScope,
    private val codecs: CodecTable,
    buffer: Int,
    dispatcher: CoroutineContext,
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

    /** What the fan-out has done since it last changed its thread. Only accessed by it. */
    private var done = 0

    // undispatched: the collector must be there before the first event is emitted, or the flow would drop it
    private val fanOut: Job =
        scope.launch(dispatcher + CoroutineName("live-topic"), CoroutineStart.UNDISPATCHED) {
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
    suspend fun publish(message: PreparedMessage): Unit = events.emit(message)

    /** Puts [subscriber] in, right after [ack] was offered to it. Returns when that is done. */
    suspend fun join(subscriber: Subscriber, ack: Message) {
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

    /** Ends the fan-out. Only when nobody uses the hub. */
    fun stop(): Unit = fanOut.cancel()

    /** Whether the publisher in whose thread this runs has done enough for others that publish meanwhile. */
    private fun isTimeToMove(): Boolean {
        done += 1 + subscribers.size
        if (done < maxInPlace) return false
        done = 0
        return true
    }

    /** A codec of the application's that throws must not end the topic for everybody. */
    private fun take(event: TopicEvent) {
        try {
            handle(event)
        } catch (e: Exception) {
            val isToldToCaller = event.done?.completeExceptionally(e) ?: false
            if (!isToldToCaller) log.error("Topic {} could not deliver a message.", name, e)
        }
    }

    private fun handle(event: TopicEvent) {
        when (event) {
            is PreparedMessage -> {
                if (observed) inProcess.tryEmit(event.message)
                subscribers.deliver(event) // last, because it may throw
            }
            is Join -> {
                if (event.subscriber.offer(event.ack)) subscribers.add(event.subscriber)
                size = subscribers.size
                event.done.complete(Unit)
            }
            is Leave -> {
                subscribers.remove(event.subscriber)
                size = subscribers.size
                event.ack?.let(event.subscriber::offer)
                event.done?.complete(Unit)
            }
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")

        /** About a millisecond of offers. */
        const val MAX_IN_PLACE = 16_384
    }
}
