package dev.live.server.topic

import kotlinx.coroutines.CompletableDeferred

/**
 * What happens to a topic, in the one order in which its fan-out coroutine takes it.
 *
 * Joining and leaving travel with the messages: so a subscriber's `ack` has an exact place among them, with nothing
 * before it and nothing missed after it.
 */
internal sealed interface TopicEvent {
    /** Completed when the event has been taken, for whoever waits for that; fails if it could not be carried out. */
    val done: CompletableDeferred<Unit>? get() = null
}

/** [subscriber] gets [ack], then every message that follows; [done] completes once it is in. */
internal class Join(
    val subscriber: Subscriber,
    val ack: PreparedMessage,
    override val done: CompletableDeferred<Unit>,
) : TopicEvent

/** [subscriber] gets nothing more of this topic but [ack], if there is one. */
internal class Leave(
    val subscriber: Subscriber,
    val ack: PreparedMessage?,
    override val done: CompletableDeferred<Unit>?,
) : TopicEvent

/** [look] is shown who is subscribed at this place among the messages. It runs in the fan-out, so it is live's own. */
internal class Visit(
    val look: (SubscriberSet) -> Unit,
    override val done: CompletableDeferred<Unit>,
) : TopicEvent
