package dev.live.server.topic

/**
 * The receiver of a topic's messages on this node: one session's subscription.
 *
 * @property sessionId id of the session
 */
internal abstract class Subscriber(val sessionId: String) {
    /** Index in the [SubscriberSet], -1 if in none. Only accessed by the topic's actor. */
    var index: Int = -1

    /** Accepts [message] without suspending, or ends its session; returns false if it was not accepted. Thread-safe. */
    abstract fun offer(message: PreparedMessage): Boolean

    /**
     * Next in [WriterBacklog], or itself at the end; null if not in the list. Only accessed by the topic's actor.
     */
    var nextInBacklog: Subscriber? = null

    /** Returns when the session's writer has run, or its client is too slow. */
    open suspend fun awaitWriter() {}

    /** Accepts [message]; no waiting message of the topic is written after it. */
    open fun offerFinal(message: PreparedMessage) {
        offer(message)
    }

    /**
     * Accepts all of [batch] without suspending, or none of it, which does not end the session. Returns whether it was
     * accepted. Thread-safe.
     */
    abstract fun offer(batch: MessageBatch): Boolean
}
