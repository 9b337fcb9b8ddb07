package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.of
import dev.live.server.observe.Tally
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * What a topic does with what happens to it: keeps it where it has a history, and delivers it to the subscribers.
 *
 * Only accessed by the topic's fan-out coroutine, but for what is said to be otherwise.
 */
internal class FanOut(
    private val owner: Owner,
    private val codecs: CodecTable,
    policy: TopicPolicy,
    now: () -> Long,
) {
    /** Whose fan-out this is. An interface and no functions: topics are many, and each function an object. */
    interface Owner {
        val name: String
        val tally: Tally

        /** Made for topics that need one. */
        fun alarm(): Alarm

        /** [message] is about to be delivered. */
        fun observe(message: Message)
    }

    private val subscribers = SubscriberSet()

    /** Kept by the topic, or null. */
    val history: History? = policy.history?.let { History(it, now) }

    private val alarm: Alarm? = if (policy.presence == null &&
        policy.delivery?.throttle == null
    ) {
        null
    } else {
        owner.alarm()
    }

    /** What subscribers did not get, or null if they get everything. Any thread. */
    val losses: Losses? = policy.delivery?.let { Losses(owner.tally) }

    private val throttle: Throttle? =
        policy.delivery?.throttle?.let { Throttle(it, policy.delivery.maxKeys, losses!!, alarm!!, now) }

    /** Who is there, or null if nobody is to know. */
    val attendance: Attendance? = policy.presence?.let { Attendance(owner.name, it, codecs, alarm!!, now) }

    /** Taken, and not delivered yet because more is there already. */
    private var gathered: ArrayList<PreparedMessage>? = null
    private var gatheredBytes = 0

    /** Subscribers, as of now. Read by any thread. */
    @Volatile
    var size: Int = 0
        private set

    /** Messages that were published. Read by any thread. */
    @Volatile
    var published: Long = 0
        private set

    /** See [SubscriberSet.offers]. */
    var offers: Int
        get() = subscribers.offers
        set(value) {
            subscribers.offers = value
        }

    /** Carries out [event]; [isLast] says whether no message is there behind it. */
    fun handle(event: TopicEvent, isLast: Boolean) {
        when (event) {
            is PreparedMessage -> {
                published++
                if (history != null) event.message = history.append(event.message)
                owner.observe(event.message)
                // last, because it may throw
                if (throttle?.admits(event) != false) {
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
                attendance?.leave(event.subscriber, isGone = event.ack == null)
                event.ack?.let(event.subscriber::offer)
                event.done?.complete(Unit)
            }
            is Recall -> event.done.complete(recalled(event.since))
            is Visit -> {
                flush()
                event.done.complete(event.look(subscribers))
            }
            is Expire -> history?.evict()
            is Ring -> {
                flush()
                alarm?.rang()
                attendance?.tell(subscribers)
                throttle?.due()?.forEach(::deliver)
            }
        }
    }

    private fun join(event: Join): Joining {
        val missed = if (history == null || event.since == null) null else history.since(event.since)
        if (missed == null && event.ack == null) return Joining.Overtaken
        val ack = event.ack?.let { described(it, isRecovered = missed != null) }
        if (history != null && missed != null && missed.size > event.room) {
            return Joining.Behind(ack, missed, history.position)
        }
        val isThere = ack == null || event.subscriber.offer(PreparedMessage(ack, codecs))
        // one that does not take the first takes none: its session is at its end
        if (isThere && missed.orEmpty().all { event.subscriber.offer(PreparedMessage(it, codecs)) }) {
            subscribers.add(event.subscriber)
            size = subscribers.size
            attendance?.join(event.subscriber, event.member)
        }
        return Joining.In
    }

    private fun described(ack: Message, isRecovered: Boolean): Message {
        val position = history?.position ?: return ack
        val data = SubscribedData(position.epoch, position.offset, isRecovered)
        return Message(ack.type, ack.topic, ack.ref, Body.of(data))
    }

    private fun recalled(since: Position?): HistoryPage? {
        val history = history ?: return null
        val messages = if (since == null) history.all() else history.since(since)
        return HistoryPage(history.position, messages ?: history.all(), isComplete = messages != null)
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
        owner.tally.delivering(owner.name, messages = 1, subscribers.size, message.message.body?.size ?: 0)
        subscribers.deliver(message)
    }

    private fun flush() {
        val messages = gathered ?: return
        owner.tally.delivering(owner.name, messages.size, subscribers.size, gatheredBytes)
        gathered = null
        gatheredBytes = 0
        try {
            val only = messages.singleOrNull()
            if (only != null) subscribers.deliver(only) else subscribers.deliver(MessageRun(messages, codecs))
        } catch (e: Throwable) {
            failed(e) // here: whoever joins or leaves behind them is not to be told
        }
    }

    /** What was to be delivered could not be, and nobody waits to be told. */
    fun failed(cause: Throwable): Unit = log.error("Topic {} could not deliver a message.", owner.name, cause)

    companion object {
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")

        /** Messages of one run: an eighth of a queue's default bound. */
        const val MAX_RUN = 32

        /** Payload bytes of one run. With larger messages, what sharing a write spares is small beside the write. */
        private const val MAX_RUN_BYTES = 16 * 1024
    }
}
