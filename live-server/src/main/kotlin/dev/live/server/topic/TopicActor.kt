package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.WelcomeData
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.SharedFlow
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * What a topic does with what happens to it: keeps it where it has a history, and delivers it to the subscribers.
 *
 * Only accessed by the topic's fan-out coroutine, but for what is said to be otherwise.
 */
internal class TopicActor(private val name: String, private val runtime: TopicRuntime, private val features: TopicFeatures?) {
    private val subscribers = SubscriberSet()

    /** Taken, and not delivered yet because more is there already. */
    private var gathered: ArrayList<PreparedMessage>? = null
    private var gatheredBytes = 0

    /** Where messages go for collectors in this process; null as long as nobody has asked. Written by whoever does. */
    @Volatile
    private var inProcess: MutableSharedFlow<Message>? = null

    /** Subscribers, as of now. Read by any thread. */
    @Volatile
    var size: Int = 0
        private set

    /** Messages that were published. Any thread may read what is about the last value: exact is not worth a fence. */
    var published: Long = 0
        private set

    /** See [SubscriberSet.offers]. */
    var offers: Int
        get() = subscribers.offers
        set(value) {
            subscribers.offers = value
        }

    /** See [inProcess]. Any thread. */
    fun messages(): SharedFlow<Message> =
        inProcess ?: synchronized(this) {
            inProcess
                ?: MutableSharedFlow<Message>(0, runtime.buffer, BufferOverflow.DROP_OLDEST).also { inProcess = it }
        }

    /** Carries out [event]; [isLast] says whether no message is there behind it. */
    fun handle(event: TopicEvent, isLast: Boolean) {
        when (event) {
            is PreparedMessage -> {
                published++
                features?.keep(event)
                inProcess?.tryEmit(event.message)
                // last, because it may throw
                if (features == null || features.admits(event)) {
                    gather(event, isLast)
                } else if (isLast) {
                    flush()
                }
            }
            is Join -> {
                flush()
                event.done.complete(join(event))
            }
            is Leave -> {
                flush()
                subscribers.remove(event.subscriber)
                size = subscribers.size
                features?.presenceTracker?.leave(event.subscriber, isGone = event.ack == null)
                event.ack?.let(event.subscriber::lastWord)
                event.done?.complete(Unit)
            }
            is ReadHistory -> event.done.complete(recalled(event.since))
            is Inspect -> {
                flush()
                event.done.complete(event.look(subscribers))
            }
            is Expire -> features?.history?.evict()
            is TimerFired -> {
                flush()
                features?.rang(subscribers) { message -> safely { deliver(message) } }
            }
        }
    }

    private fun join(event: Join): Joining {
        val history = features?.history
        val missed = event.since?.let { features?.missed(it) }
        if (missed == null && event.ack == null) return Joining.HistoryEvicted
        val ack = event.ack?.let { described(it, isRecovered = missed != null) }
        if (history != null && missed != null && missed.size > event.room) {
            subscribers.remove(event.subscriber) // it may be in, and ask again: what comes now is behind what it missed
            size = subscribers.size
            return Joining.Behind(ack, missed.map { it.message }, features.position(history))
        }
        val isThere = ack == null || event.subscriber.offer(PreparedMessage(ack, runtime.codecs))
        // one that does not take the first takes none: its session is at its end
        if (isThere &&
            missed.orEmpty().all {
                event.subscriber.offer(PreparedMessage(it.message, runtime.codecs, key = it.key))
            }
        ) {
            subscribers.add(event.subscriber)
            size = subscribers.size
            features?.presenceTracker?.join(event.subscriber, event.member)
        }
        return Joining.In
    }

    private fun described(ack: Message, isRecovered: Boolean): Message {
        val position = features?.history?.let { features.position(it) } ?: return ack
        val welcome = if (ack.body == null) null else ack.decode<WelcomeData>().welcome
        val data = SubscribedData(position.epoch, position.offset, isRecovered, welcome)
        return Message(ack.type, ack.topic, ack.ref, Body.of(data))
    }

    private fun recalled(since: Position?): HistoryPage? {
        val history = features?.history ?: return null
        val entries = if (since == null) history.all() else history.since(since)
        // not what a throttle holds back: who goes on from this page gets that when it is time
        val position = features.position(history)
        val messages = (entries ?: history.all()).map { it.message }.filter { it.offset!! <= position.offset }
        return HistoryPage(position, messages, isComplete = entries != null)
    }

    /** Delivers [message], together with those before and after it that are there at the same time. */
    private fun gather(message: PreparedMessage, isLast: Boolean) {
        if (isLast && gathered == null) return deliver(message)
        val messages = gathered ?: ArrayList<PreparedMessage>().also { gathered = it }
        messages += message
        gatheredBytes += message.message.body?.size ?: 0
        if (isLast || messages.size == MAX_RUN || gatheredBytes >= MAX_RUN_BYTES) flush()
    }

    private fun deliver(message: PreparedMessage) {
        runtime.counters.delivering(name, messages = 1, subscribers.size, message.message.body?.size ?: 0)
        subscribers.deliver(message)
    }

    private fun flush() {
        val messages = gathered ?: return
        runtime.counters.delivering(name, messages.size, subscribers.size, gatheredBytes)
        gathered = null
        gatheredBytes = 0
        safely {
            // whoever joins or leaves behind them is not to be told
            val only = messages.singleOrNull()
            if (only != null) subscribers.deliver(only) else subscribers.deliver(MessageBatch(messages, runtime.codecs))
        }
    }

    private inline fun safely(block: () -> Unit) {
        try {
            block()
        } catch (e: Throwable) {
            failed(e)
        }
    }

    /** What was to be delivered could not be, and nobody waits to be told. */
    fun failed(cause: Throwable): Unit = log.error("Topic {} could not deliver a message.", name, cause)

    companion object {
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")

        /** Messages of one run: an eighth of a queue's default bound. */
        const val MAX_RUN = 32

        /** Payload bytes of one run. With larger messages, what sharing a write spares is small beside the write. */
        private const val MAX_RUN_BYTES = 16 * 1024
    }
}
