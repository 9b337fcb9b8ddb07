package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceMember
import dev.live.server.broker.StoredHistory
import dev.live.server.dialect.ServerEvent
import kotlinx.coroutines.CompletableDeferred

/**
 * Offers [ack] to [subscriber], then every later message; [done] completes with the result.
 *
 * @property ack null if it was already offered, and [since] continues from it
 * @property since the subscriber's last position; null to receive only new messages
 * @property missed the history after [since]
 * @property capacity number of messages that the subscriber can accept at once
 * @property member its presence member; null if it is not shown to others
 */
internal class Subscribe(
    val subscriber: Subscriber,
    val ack: Message?,
    val since: Position? = null,
    val missed: StoredHistory? = null,
    val capacity: Int = 0,
    val member: PresenceMember? = null,
) : TopicEvent {
    override val done = CompletableDeferred<SubscribeResult>()
}

/** Removes [subscriber], which then receives only [ack], if there is one. */
internal class Unsubscribe(
    val subscriber: Subscriber,
    val ack: PreparedMessage?,
    override val done: CompletableDeferred<Unit>?,
) : TopicEvent

/** The broker delivers to this node from now on; [position] is that of the newest publication before. */
internal class Opened(val position: Position) : TopicEvent

/** Publications may have been lost. */
internal data object Interrupted : TopicEvent

/** The publications after a hole were read from the [history]. */
internal class Repaired(val history: StoredHistory) : TopicEvent

/** The members of other nodes have changed. */
internal class PresenceChanged(val change: PresenceChange) : TopicEvent

/** The topic's timer fired. */
internal data object TimerFired : TopicEvent

/**
 * Runs [block] with the subscribers, in order with the messages. It runs in the topic's actor, so it must be
 * internal code.
 */
internal class Inspect(
    val block: (SubscriberSet) -> Unit,
    override val done: CompletableDeferred<Unit>,
) : TopicEvent

/** The result of a [Subscribe] event. */
internal sealed interface SubscribeResult {
    /** The subscriber was added. */
    data object Subscribed : SubscribeResult

    /**
     * The subscriber must first accept [ack] and [messages] at its own pace, and then subscribe again with [position].
     */
    class CatchUp(val ack: ServerEvent.Subscribed?, val messages: List<Message>, val position: Position) :
        SubscribeResult

    /** The subscriber was promised that it misses nothing, but took so long that the history was evicted. */
    data object HistoryEvicted : SubscribeResult
}
