package dev.live.server.topic

/**
 * What a topic delivers to on this node: one session's place in one topic.
 *
 * @property session id of the session behind it
 */
internal abstract class Subscriber(val session: String) {
    /** Place in the [SubscriberSet], -1 while in none. Only accessed by the topic's fan-out coroutine. */
    var index: Int = -1

    /** Takes [message] without suspending, or ends its session; false if it was not taken. Any thread. */
    abstract fun offer(message: PreparedMessage): Boolean

    /** Next in [WriterBacklog], or itself at the end; null while it is not in. Only accessed by the topic's fan-out. */
    var nextInBacklog: Subscriber? = null

    /** Returns when the writer of the session has had its turn, or its client is too slow for that. */
    open suspend fun awaitWriter() {}

    /** Takes [message] as the last of this topic: nothing of it that waits is written behind it. */
    open fun lastWord(message: PreparedMessage) {
        offer(message)
    }

    /** Takes all of [run] without suspending, or nothing of it, which ends nothing; whether it did. Any thread. */
    abstract fun offer(run: MessageBatch): Boolean
}
