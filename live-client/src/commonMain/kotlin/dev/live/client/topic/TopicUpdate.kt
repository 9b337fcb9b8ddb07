package dev.live.client.topic

import kotlinx.serialization.json.JsonElement

/** What happens in a subscription: a payload arrives, or the topic was joined. */
public sealed interface TopicUpdate<out T> {
    /**
     * [value] was published.
     *
     * @property offset its place in the topic's history; null if the topic keeps none
     * @property trace what it is a part of, where client and server ask for that; see `LiveClientConfig.trace`. Or empty
     */
    public class Received<out T> internal constructor(
        public val value: T,
        public val offset: Long?,
        public val trace: String = "",
    ) : TopicUpdate<T> {
        override fun toString(): String = "Received(offset=$offset)" // never the payload
    }

    /**
     * The server has the subscription, now or again; [recovery] says what became of what was published before.
     *
     * @property welcome what the server's application says to whoever joins, as of when this client last joined: who
     *   begins to collect what others collect already gets what they got. Null if it says nothing
     */
    public class Subscribed internal constructor(
        public val recovery: Recovery,
        public val welcome: JsonElement? = null,
    ) : TopicUpdate<Nothing> {
        override fun toString(): String = "Subscribed($recovery)"
    }
}

/** What a collector has of what was published before its topic was joined. */
public enum class Recovery {
    /** It begins here. */
    First,

    /** Everything: what was published meanwhile follows, none missing and none twice. */
    Recovered,

    /**
     * Something may be missing: the topic keeps no history, or not far enough back, or it began anew. Whoever must be
     * correct loads its state again.
     */
    Gap,
}
