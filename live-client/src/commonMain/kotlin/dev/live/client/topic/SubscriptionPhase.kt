package dev.live.client.topic

/** The server's state of one subscription, as far as the client knows. */
internal enum class SubscriptionPhase {
    Unsubscribed,
    Subscribing,
    Subscribed,
    Unsubscribing,

    /** A `subscribe` got no reply. The client sends an `unsubscribe` to get back to a known state. */
    Unknown,
}
