package dev.live.server.endpoint

import dev.live.protocol.Message
import dev.live.server.topic.TopicPattern
import dev.live.server.topic.TopicPolicies
import dev.live.server.topic.TopicPolicy

/** The topic declarations of all endpoints of a server. A topic is shared by all endpoints that declare it. */
internal class DeclaredTopics : TopicPolicies {
    private class Declared(val pattern: TopicPattern, val policy: TopicPolicy, val payload: PayloadType<*>)

    /** Sorted by specificity, most specific first. Replaced as a whole while routes are set up. */
    @Volatile
    private var declared = emptyList<Declared>()

    @Volatile
    private var isPlain = true

    @Volatile
    private var hasKeys = false

    /** @throws IllegalArgumentException if another endpoint declares a different policy for the same pattern */
    @Synchronized
    fun declare(specs: List<TopicSpec<*, *>>) {
        val added = specs.map { Declared(it.pattern, it.policy, it.payload) }
        for (new in added) {
            val existing = declared.find { it.pattern.shape == new.pattern.shape } ?: continue
            // Functions cannot be compared. The key function of the first declaration is used.
            require(existing.policy.copy(key = null) == new.policy.copy(key = null)) {
                "topic pattern '${new.pattern}' is declared by two endpoints with different history, presence, " +
                    "delivery or whileBrokerAway. Declare the same settings in both, because endpoints share their " +
                    "topics."
            }
        }
        val all = (declared + added).sortedBy { it.pattern.specificity }
        declared = all
        isPlain = all.all { it.policy == TopicPolicy.None }
        hasKeys = all.any { it.policy.key != null }
    }

    /**
     * The payload type of the topic [name], from the first declaration that matches; null if no endpoint declares it.
     */
    fun payloadOf(name: String): PayloadType<*>? = declared.find { it.pattern.matches(name) }?.payload

    override fun of(name: String): TopicPolicy =
        // Fast path without policies: this runs for each publish to a topic that is not active.
        if (isPlain) TopicPolicy.None else declared.find { it.pattern.matches(name) }?.policy ?: TopicPolicy.None

    override fun keyOf(name: String): ((Message) -> String)? = if (hasKeys) of(name).key else null
}
