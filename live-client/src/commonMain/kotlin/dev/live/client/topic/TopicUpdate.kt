package dev.live.client.topic

import kotlinx.serialization.json.JsonElement

/** An event of a subscription: a message arrived, or the server accepted the subscription. */
public sealed interface TopicUpdate<out T> {
    /**
     * A message with the payload [value] arrived.
     *
     * @property offset offset in the topic's history; null if the topic keeps no history
     * @property trace the `traceparent` of the message, if client and server both enable tracing, see
     *   `LiveClientConfig.trace`; otherwise empty
     */
    public class Received<out T> internal constructor(
        public val value: T,
        public val offset: Long?,
        public val trace: String = "",
    ) : TopicUpdate<T> {
        override fun toString(): String = "Received(offset=$offset)" // the payload may be confidential
    }

    /**
     * The server accepted the subscription, for the first time or after a reconnect.
     *
     * @property recovery whether messages may be missing before this point
     * @property welcome the topic's `welcome` data from the server's last ack; null if there is none. A collector that
     *   starts while the topic is already subscribed receives the data of that earlier ack.
     */
    public class Subscribed internal constructor(
        public val recovery: Recovery,
        public val welcome: JsonElement? = null,
    ) : TopicUpdate<Nothing> {
        override fun toString(): String = "Subscribed($recovery)"
    }
}

/** Completeness of the messages that a collector receives, at the time of a subscribe. */
public enum class Recovery {
    /** The collector's first subscribe: it receives the messages published from now on. */
    First,

    /** Complete: the messages published since the last one received follow, without loss or duplicates. */
    Recovered,

    /**
     * Messages may be missing: the topic keeps no history, its history does not reach back far enough, or it was reset.
     * A collector that must be correct reloads its state.
     */
    Gap,
}
