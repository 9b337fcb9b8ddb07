package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.WhileBrokerAway

/**
 * The settings of a topic, from the declarations of all endpoints.
 *
 * @property history null without a history
 * @property presence null without presence
 * @property delivery null for lossless delivery: a message is delivered, or the session ends
 * @property key computes the conflation key; null: each message replaces the one before, in lossy topics
 */
internal data class TopicPolicy(
    val history: HistoryBounds? = null,
    val presence: PresenceSettings? = null,
    val delivery: DeliverySettings? = null,
    val key: ((Message) -> String)? = null,
    val whileBrokerAway: WhileBrokerAway = WhileBrokerAway.Fail,
) {
    companion object {
        val None = TopicPolicy()
    }
}

/** Returns the settings of a topic; always the same for the same name. */
internal fun interface TopicPolicies {
    fun of(name: String): TopicPolicy

    /** Called for each published message: must cost no more than one match per declaration with a key. */
    fun keyOf(name: String): ((Message) -> String)? = of(name).key
}
