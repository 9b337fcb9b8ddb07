package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position
import kotlinx.coroutines.CompletableDeferred

/**
 * What happens to a topic, in the one order in which its fan-out coroutine takes it.
 *
 * Joining and leaving travel with the messages: so a subscriber's `ack` has an exact place among them, with nothing
 * before it and nothing missed after it.
 */
internal sealed interface TopicEvent {
    /** Completed when the event has been taken, for whoever waits for that; fails if it could not be carried out. */
    val done: CompletableDeferred<*>? get() = null
}

/**
 * [subscriber] gets [ack], then every message that follows; [done] completes once it is in, or with why it is not.
 *
 * @property ack null: it has been given, with a [since] that reaches back to it
 * @property since what the subscriber has; null if it is to get what comes from now on
 * @property room messages that the subscriber can take at once
 * @property member what it is to the others; null if they are not to be told
 */
internal class Join(
    val subscriber: Subscriber,
    val ack: Message?,
    val since: Position? = null,
    val room: Int = 0,
    val member: Member? = null,
) : TopicEvent {
    override val done = CompletableDeferred<Joining>()
}

/** [subscriber] gets nothing more of this topic but [ack], if there is one. */
internal class Leave(
    val subscriber: Subscriber,
    val ack: PreparedMessage?,
    override val done: CompletableDeferred<Unit>?,
) : TopicEvent

/** Somebody wants what the history holds since then, or all of it; null if there is no history. */
internal class ReadHistory(val since: Position?) : TopicEvent {
    override val done = CompletableDeferred<HistoryPage?>()
}

/** Time has passed: what is kept for a while may be too old by now. */
internal data object Expire : TopicEvent

/** A time has come that the topic wanted to hear of. */
internal data object TimerFired : TopicEvent

/** [look] is shown who is subscribed at this place among the messages. It runs in the fan-out, so it is live's own. */
internal class Inspect(
    val look: (SubscriberSet) -> Unit,
    override val done: CompletableDeferred<Unit>,
) : TopicEvent

/** What became of a [Join]. */
internal sealed interface Joining {
    /** The subscriber is in. */
    data object In : Joining

    /** It has to take [ack] and [messages] first, at its own pace, and then to join again with [position]. */
    class Behind(val ack: Message?, val messages: List<Message>, val position: Position) : Joining

    /** It has an ack that says it misses nothing, and took so long that the history has gone past it. */
    data object HistoryEvicted : Joining
}
