package dev.live.client.topic

import dev.live.protocol.LiveException

/** What becomes of a client's subscription to a topic. */
public sealed class TopicEvent {
    /** The topic was joined, and what is published from here on arrives. */
    public object Subscribed : TopicEvent() {
        override fun toString(): String = "Subscribed"
    }

    /** The topic was joined again, and nothing is missing: what was published meanwhile follows. */
    public object Recovered : TopicEvent() {
        override fun toString(): String = "Recovered"
    }

    /** The topic was joined again, and something may be missing: who must be correct loads its state again. */
    public object Gap : TopicEvent() {
        override fun toString(): String = "Gap"
    }

    /**
     * There is no subscription any more, and this client does not try again: the last event.
     *
     * @property error what the server said, or why else it is over; as a collector of the messages gets it
     */
    public class Denied(public val error: LiveException) : TopicEvent() {
        override fun toString(): String = "Denied($error)"
    }
}
