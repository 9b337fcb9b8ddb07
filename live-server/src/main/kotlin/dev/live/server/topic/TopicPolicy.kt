package dev.live.server.topic

import dev.live.protocol.Message

/**
 * What the declarations of all endpoints ask of a topic.
 *
 * @property history null: none is kept
 * @property presence null: nobody is told who is there
 * @property delivery null: whatever is published is delivered, or the session ends
 * @property key what messages replace each other by; null: each replaces the one before, where they do
 */
internal data class TopicPolicy(
    val history: HistorySettings? = null,
    val presence: PresenceSettings? = null,
    val delivery: Delivery? = null,
    val key: ((Message) -> String)? = null,
) {
    /** Whether what is published has to be kept though nobody listens. */
    val isKept: Boolean get() = history != null

    companion object {
        val None = TopicPolicy()
    }
}

/** What is asked of the topic called so; the same for a name at any time. */
internal fun interface TopicPolicies {
    fun of(name: String): TopicPolicy

    /** Asked for each message that is published: no more work than there are declarations with a key. */
    fun keyOf(name: String): ((Message) -> String)? = of(name).key
}
