package dev.live.server.broker

/**
 * How `publish` handles the messages of a topic while the [Broker] is away ([BrokerState.Away]). Declared with
 * `topic { whileBrokerAway }`. A broker that is always connected, such as [LocalBroker], ignores it.
 */
public enum class WhileBrokerAway {
    /** `publish` waits for a short time that the broker defines, then fails. The default. */
    Fail,

    /**
     * `publish` suspends until the broker is back, unless the caller is cancelled or the server ends. The outbox of the
     * broker bounds the number of waiting messages; further publishers wait for a place.
     */
    Wait,

    /**
     * After the time of [Fail], the message is delivered to the subscribers of this node only, without a position, and
     * is not stored. When the broker is back, the epoch of the topic ends, and its clients on all nodes receive a gap.
     */
    DeliverLocally,
}
