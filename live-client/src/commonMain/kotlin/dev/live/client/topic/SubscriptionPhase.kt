package dev.live.client.topic

/** What the server knows of one subscription, as far as the client can tell. */
internal enum class SubscriptionPhase {
    Out,
    Joining,
    In,
    Leaving,

    /** A `subscribe` went unanswered: only an `unsubscribe` makes it certain again. */
    Unknown,
}
