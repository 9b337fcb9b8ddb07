package dev.live.client.topic

import dev.live.protocol.Message
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.serialization.json.JsonElement
import kotlin.concurrent.Volatile

/**
 * Behavior when a collector's buffer of 64 updates is full. The client never stops reading the socket for a
 * collector.
 */
public enum class CollectorOverflow {
    /**
     * On a topic with history, the client unsubscribes until the collector has emptied its buffer, and then recovers
     * the missed messages. Other collectors of the topic wait too, and presence shows the client as absent meanwhile.
     * On a topic without history, this is the same as [Fail].
     */
    Recover,

    /**
     * The flow delivers the buffered messages and then fails with [SlowCollectorException]. No message is lost
     * silently.
     */
    Fail,

    /** Drops the oldest buffered message. For topics of which only the newest values matter. */
    DropOldest,
}

/** An entry of a [CollectorBuffer]. */
internal sealed interface SubscriptionEvent {
    class Received(val message: Message) : SubscriptionEvent

    /** The server accepted the subscription. */
    class Subscribed(val recovery: Recovery, val welcome: JsonElement? = null) : SubscriptionEvent

    class PresenceChanged(val presence: Presence<JsonElement>) : SubscriptionEvent
}

/**
 * The buffer of one collector. Only used on the client's dispatcher, except [events], [isEmpty] and [isOverflowed].
 *
 * @param source describes the collected flow in error messages
 * @property params subscribe parameters of the collector
 */
internal class CollectorBuffer(
    private val source: String,
    val overflow: CollectorOverflow,
    private val acceptsPresence: Boolean = false,
    val params: JsonElement? = null,
    private val accepts: (Message) -> Boolean,
) {
    private val channel =
        Channel<SubscriptionEvent>(
            CAPACITY,
            if (overflow == CollectorOverflow.DropOldest) BufferOverflow.DROP_OLDEST else BufferOverflow.SUSPEND,
        ) { dropped ->
            if ((dropped as? SubscriptionEvent.Subscribed)?.recovery == Recovery.Gap) hasDroppedGap = true
        }

    /** The buffered events in order, for the collector. */
    val events: ReceiveChannel<SubscriptionEvent> get() = channel

    /** Whether the collector has taken all events. Thread-safe. */
    @OptIn(ExperimentalCoroutinesApi::class)
    val isEmpty: Boolean get() = channel.isEmpty

    /** Offset of the collector in the topic's history, if the topic keeps one. */
    var offset = 0L

    /**
     * Whether a message did not fit. The buffer then receives nothing until the client has subscribed again from
     * [offset]. Read by any thread.
     */
    @Volatile
    var isOverflowed = false

    /** Whether an unread gap was dropped from the buffer. */
    private var hasDroppedGap = false

    /** Whether the collector was ever notified of a subscription. */
    var wasSubscribed = false
        private set

    /** Whether a gap did not fit into the buffer. A later recovery must still be reported as a gap. */
    private var hasPendingGap = false

    /** Adds [message] without suspending. Returns false if the buffer is full. */
    fun offer(message: Message): Boolean = !accepts(message) || add(SubscriptionEvent.Received(message))

    /** Adds [presence] if the collector accepts presence. Older values may be dropped. */
    fun offer(presence: Presence<JsonElement>) {
        if (acceptsPresence) add(SubscriptionEvent.PresenceChanged(presence))
    }

    /** Notifies the collector that the server accepted the subscription. Returns false if the buffer is full. */
    fun subscribed(recovery: Recovery, welcome: JsonElement?): Boolean {
        val reported =
            when {
                !wasSubscribed -> Recovery.First
                hasPendingGap -> Recovery.Gap
                else -> recovery
            }
        wasSubscribed = true
        val isAdded = add(SubscriptionEvent.Subscribed(reported, welcome))
        hasPendingGap = !isAdded && reported == Recovery.Gap
        return isAdded
    }

    /** Adds [event]. If this dropped an unread gap, the gap is added again, because no other event reports it. */
    private fun add(event: SubscriptionEvent): Boolean {
        val isAdded = channel.trySend(event).isSuccess
        if (isAdded && hasDroppedGap) {
            hasDroppedGap = false
            channel.trySend(SubscriptionEvent.Subscribed(Recovery.Gap))
        }
        return isAdded
    }

    /** Fails the flow with [SlowCollectorException] after the buffered events. */
    fun failSlow() {
        close(SlowCollectorException("a collector of $source is too slow: its buffer of $CAPACITY updates is full"))
    }

    /** Completes the flow after the buffered events, or fails it with [cause]. */
    fun close(cause: Throwable?) {
        channel.close(cause)
    }

    companion object {
        /** Capacity of a collector's buffer, in events. */
        const val CAPACITY = 64
    }
}
