package dev.live.client.topic

import kotlinx.coroutines.Job
import kotlinx.serialization.json.JsonElement

/**
 * The server's state of one subscription, as far as the client knows, with the data that exists only in this state.
 * `docs/protocol.md` lists the transitions in "State machine of a client".
 */
internal sealed class SubscriptionState {
    /** Called when the subscription leaves this state. Cancels its timer and its pending reply. */
    open fun leave() {}

    /** The client is not subscribed. The next message, if any, is a `subscribe`. */
    sealed class Unsubscribed : SubscriptionState()

    /** Nothing delays a `subscribe`. */
    data object Idle : Unsubscribed()

    /** The server rejected a `subscribe` with a temporary error. [timer] changes the state to [Idle]. */
    class SubscribeDelayed(private val timer: Job) : Unsubscribed() {
        override fun leave(): Unit = timer.cancel()
    }

    /** A message has been passed to the writer, and [reply] is pending. Nothing else is sent for this topic. */
    sealed class Requested(private val reply: SubscriptionReply) : SubscriptionState() {
        override fun leave(): Unit = reply.cancel()
    }

    /**
     * The pending message is a `subscribe`.
     *
     * @property size payload size of the message in bytes
     */
    class Subscribing(reply: SubscriptionReply, val size: Int) : Requested(reply)

    /** The pending message is an `unsubscribe`. */
    class Unsubscribing(reply: SubscriptionReply) : Requested(reply)

    /** The client is subscribed and receives messages. */
    sealed class Active : SubscriptionState()

    /**
     * The server's state is the desired one, as long as there are collectors and none of them has overflowed.
     *
     * @property welcome the `welcome` of the last ack; null if there is none
     */
    class Subscribed(val welcome: Welcome?) : Active()

    /** A new collector has missed messages since the `welcome`. The client unsubscribes, and subscribes again. */
    data object Outdated : Active()

    /** A `subscribe` got no reply. The client sends an `unsubscribe` to get back to a known state. */
    data object Unknown : SubscriptionState()

    /** The server rejected an `unsubscribe`, so the client is still subscribed. [timer] changes this to [Unknown]. */
    class UnsubscribeDelayed(private val timer: Job) : SubscriptionState() {
        override fun leave(): Unit = timer.cancel()
    }
}

/**
 * The `welcome` data of an ack.
 *
 * @property isStale whether a message arrived after the ack, so that [data] may be outdated
 */
internal class Welcome(val data: JsonElement, val isStale: Boolean = false)
