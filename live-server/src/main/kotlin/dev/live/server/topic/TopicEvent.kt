package dev.live.server.topic

import kotlinx.coroutines.CompletableDeferred

/**
 * An event of a topic; the topic's actor handles events in order.
 *
 * Subscribe and unsubscribe events are queued with the messages. So a subscriber's `ack` has an exact position among
 * them: no message comes before it, and none is missed after it.
 */
internal sealed interface TopicEvent {
    /** Completed when the event was handled, for callers that wait; completed exceptionally if handling failed. */
    val done: CompletableDeferred<*>? get() = null
}
