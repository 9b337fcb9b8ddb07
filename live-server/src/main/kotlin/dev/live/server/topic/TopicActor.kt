package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.of
import dev.live.server.broker.StoredHistory
import dev.live.server.dialect.ServerEvent
import dev.live.server.observe.RecoveryCause
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.SharedFlow
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * Handles the events of a topic: delivers its messages to the subscribers, in the order of their positions.
 *
 * Only accessed by the topic's actor, unless noted otherwise. One file, because every event may first have to deliver
 * the messages that wait.
 */
internal class TopicActor(
    private val name: String,
    private val runtime: TopicRuntime,
    private val features: TopicFeatures?,
) {
    private val subscribers = SubscriberSet()
    private val counters get() = runtime.counters

    /** Messages not delivered yet, because more are already queued. */
    private var pending: ArrayList<PreparedMessage>? = null
    private var pendingBytes = 0

    /** The flow of messages for collectors in this process; null until the first one. Written by any thread. */
    @Volatile
    private var localFlow: MutableSharedFlow<Message>? = null

    /** Number of subscribers. Read by any thread. */
    @Volatile
    var size: Int = 0
        private set

    /** Number of published messages. Any thread may read it without a fence; the value may be slightly stale. */
    var published: Long = 0
        private set

    /** See [SubscriberSet.offers]. */
    var offers: Int
        get() = subscribers.offers
        set(value) {
            subscribers.offers = value
        }

    /** See [localFlow]. Thread-safe. */
    fun messages(): SharedFlow<Message> =
        localFlow ?: synchronized(this) {
            localFlow
                ?: MutableSharedFlow<Message>(0, runtime.buffer, BufferOverflow.DROP_OLDEST).also { localFlow = it }
        }

    /**
     * Handles [event]. An exception or error, such as one of an application codec, fails the caller that waits for the
     * event, and does not end the topic.
     *
     * @param isLast whether no message is queued behind it
     */
    fun handle(event: TopicEvent, isLast: Boolean) {
        try {
            when (event) {
                is PreparedMessage -> {
                    val history = features?.history
                    if (history == null) {
                        publish(event, isLast)
                    } else {
                        if (history.order.accept(event)) {
                            publishWithHeld(event, history, isLast)
                        } else if (isLast) {
                            flush()
                        }
                        history.checkHole()
                    }
                }
                is Subscribe -> {
                    flush()
                    event.done.complete(subscribe(event))
                }
                is Unsubscribe -> {
                    flush()
                    subscribers.remove(event.subscriber)
                    size = subscribers.size
                    features?.presenceTracker?.unsubscribed(event.subscriber, isConnectionLost = event.ack == null)
                    event.ack?.let(event.subscriber::offerFinal)
                    event.done?.complete(Unit)
                }
                is Inspect -> {
                    flush()
                    event.done.complete(event.block(subscribers))
                }
                is Opened -> features?.opened(event.position)
                is Interrupted -> features?.history?.repair() ?: reportGap(position = null)
                is Repaired -> features?.history?.let { history ->
                    try {
                        repair(history, event.history)
                    } finally {
                        history.repaired()
                    }
                }
                is PresenceChanged -> features?.presenceTracker?.changed(event.change)
                is TimerFired -> {
                    flush()
                    features?.timerFired(subscribers) { message ->
                        counters.delivering(name, messages = 1, subscribers.size, message.message.body?.size ?: 0)
                        logFailure { subscribers.deliver(message) }
                    }
                }
            }
        } catch (e: Throwable) {
            val isReportedToCaller = event.done?.completeExceptionally(e) ?: false
            if (!isReportedToCaller) deliveryFailed(e)
        }
    }

    /** Publishes [first], and the messages that were held because it was missing. */
    private fun publishWithHeld(first: PreparedMessage, history: TopicHistory, isLast: Boolean) {
        var message = first
        while (true) {
            val next = history.order.acceptHeld()
            history.delivered(message)
            publish(message, isLast && next == null)
            message = next ?: return
        }
    }

    /** Delivers [message], in one batch with the messages queued before and after it. */
    private fun publish(message: PreparedMessage, isLast: Boolean) {
        published++
        localFlow?.tryEmit(message.message)
        if (features?.admits(message) == false) {
            if (isLast) flush()
            return
        }
        val size = message.message.body?.size ?: 0
        if (isLast && pending == null) {
            counters.delivering(name, messages = 1, subscribers.size, size)
            return subscribers.deliver(message) // last, because it may throw
        }
        val messages = pending ?: ArrayList<PreparedMessage>().also { pending = it }
        messages += message
        pendingBytes += size
        if (isLast || messages.size == MAX_BATCH || pendingBytes >= MAX_BATCH_BYTES) flush()
    }

    /** Publishes the messages of [stored] that are missing, or reports a gap if some are not available. */
    private fun repair(history: TopicHistory, stored: StoredHistory) {
        val order = history.order
        val current = order.position
        if (stored.isComplete && current != null && stored.contains(current)) {
            if (stored.position.epoch != current.epoch) continueIn(stored.position.epoch, history, current)
            var recovered = 0
            for (entry in stored.entries) {
                val publication = entry.publication
                val message =
                    PreparedMessage(
                        ServerEvent.Published(entry.toMessage(), entry.position.epoch),
                        runtime.dialects,
                        publication.except,
                        publication.key,
                        entry.position,
                    )
                if (!order.accept(message)) continue
                recovered++
                publishWithHeld(message, history, isLast = false)
            }
            counters.recovered(name, recovered, RecoveryCause.Broker)
            history.confirmed()
        } else if (stored.position.epoch != current?.epoch || stored.position.offset > current.offset) {
            reportGap(stored.position)
            features?.skipTo(stored.position)
        }
        order.acceptHeld()?.let { publishWithHeld(it, history, isLast = false) }
        flush()
    }

    /** The publications up to [current] are a part of the new [epoch]: subscribers receive its name, and no gap. */
    private fun continueIn(epoch: String, history: TopicHistory, current: Position) {
        flush()
        history.continueIn(Position(epoch, current.offset))
        val event = features?.delivered?.let(::continued) ?: return
        logFailure { subscribers.deliver(PreparedMessage(event, runtime.dialects)) }
    }

    /** The subscription continues in the epoch of [position], after the message at its offset. */
    private fun continued(position: Position): ServerEvent.Subscribed {
        val data = Body.of(SubscribedData(position.epoch, position.offset, recovered = true))
        return ServerEvent.Subscribed(Message(MessageType.SUBSCRIBE, name, body = data), position)
    }

    /** Reports to all subscribers that messages are missing, and that the topic continues after [position]. */
    private fun reportGap(position: Position?) {
        flush()
        val data = position?.let { Body.of(SubscribedData(it.epoch, it.offset, recovered = false)) }
        val event = ServerEvent.Subscribed(Message(MessageType.SUBSCRIBE, name, body = data), position)
        counters.gapReported(name, subscribers.size, RecoveryCause.Broker)
        logFailure { subscribers.deliverGap(PreparedMessage(event, runtime.dialects)) }
    }

    private fun subscribe(event: Subscribe): SubscribeResult {
        val position = features?.delivered
        val missed = event.missed?.let { stored -> position?.let { features.history?.missed(stored, it) } }
        if (missed == null && event.ack == null) return SubscribeResult.HistoryEvicted
        val ack =
            event.ack?.let { subscribed(it, position, recoveredSince = event.since.takeIf { missed != null }) }
                // the epoch has changed since the ack
                ?: event.since?.takeIf { position != null && it.epoch != position.epoch }
                    ?.let { continued(Position(position!!.epoch, it.offset)) }
        if (event.missed != null && event.ack != null) {
            if (missed == null) {
                counters.gapReported(name, subscribers = 1, RecoveryCause.Client)
            } else {
                counters.recovered(name, missed.messages.size, RecoveryCause.Client)
            }
        }
        if (missed != null && (missed.isBehind || missed.messages.size > event.capacity)) {
            subscribers.remove(event.subscriber) // a repeated subscribe: newer messages follow the missed ones
            size = subscribers.size
            return SubscribeResult.CatchUp(ack, missed.messages.map { it.message }, missed.end)
        }
        val isAccepted = ack == null || event.subscriber.offer(PreparedMessage(ack, runtime.dialects, isShared = false))
        // a rejected ack means that the session is ending
        if (isAccepted &&
            missed?.messages.orEmpty().all {
                val published = ServerEvent.Published(it.message, position?.epoch)
                event.subscriber.offer(PreparedMessage(published, runtime.dialects, key = it.key, isShared = false))
            }
        ) {
            subscribers.add(event.subscriber)
            size = subscribers.size
            features?.presenceTracker?.subscribed(event.subscriber, event.member)
        }
        return SubscribeResult.Subscribed
    }

    private fun flush() {
        val messages = pending ?: return
        counters.delivering(name, messages.size, subscribers.size, pendingBytes)
        pending = null
        pendingBytes = 0
        logFailure {
            // a failed delivery must not be reported to the next event's caller
            val single = messages.singleOrNull()
            if (single != null) {
                subscribers.deliver(single)
            } else {
                subscribers.deliver(MessageBatch(messages, runtime.dialects))
            }
        }
    }

    private inline fun logFailure(block: () -> Unit) {
        try {
            block()
        } catch (e: Throwable) {
            deliveryFailed(e)
        }
    }

    /** Logs a delivery failure that no caller waits for. */
    private fun deliveryFailed(cause: Throwable) {
        log.error("Failed to deliver a message of topic {}.", name, cause)
    }

    companion object {
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")

        /** Maximum messages of one batch: an eighth of a queue's default bound. */
        const val MAX_BATCH = 32

        /** Maximum payload bytes of one batch. With larger messages, a shared write saves little. */
        private const val MAX_BATCH_BYTES = 16 * 1024
    }
}
