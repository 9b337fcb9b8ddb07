package dev.live.server.topic

import kotlin.time.Duration

/** Delivery settings of a lossy topic. */
internal data class DeliverySettings(
    val overflow: LossyOverflow? = null,
    /** Minimum time between two deliveries, each with the newest message of each key; null for no throttle. */
    val throttle: Duration? = null,
) {
    /** Maximum number of keys with a held-back message. */
    val maxKeys: Int get() = overflow?.limit ?: 1
}

/**
 * Which messages of a topic a subscriber keeps while its client reads slowly.
 *
 * @property limit maximum number of messages, or of keys with one waiting message each; the oldest is dropped
 */
internal sealed interface LossyOverflow {
    val limit: Int

    /** Keeps the newest messages. */
    data class DropOldest(override val limit: Int) : LossyOverflow

    /** Keeps the newest message of each key. */
    data class Conflate(override val limit: Int) : LossyOverflow
}
