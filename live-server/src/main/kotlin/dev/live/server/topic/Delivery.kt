package dev.live.server.topic

import kotlin.time.Duration

/** How a topic delivers where it does not deliver everything. */
internal data class Delivery(
    val overflow: LossyOverflow? = null,
    /** The least time between two deliveries, of which each has the newest of each key; null: none. */
    val throttle: Duration? = null,
) {
    /** Keys of which one message may be held back each. */
    val maxKeys: Int get() = overflow?.limit ?: 1
}

/**
 * What a subscriber keeps of a topic while its client reads slowly.
 *
 * @property limit messages, or keys of which one waits each; the oldest makes way
 */
internal sealed interface LossyOverflow {
    val limit: Int

    /** The newest messages. */
    data class DropOldest(override val limit: Int) : LossyOverflow

    /** The newest message of each key. */
    data class Conflate(override val limit: Int) : LossyOverflow
}
