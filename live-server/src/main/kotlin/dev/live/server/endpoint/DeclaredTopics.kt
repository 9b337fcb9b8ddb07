package dev.live.server.endpoint

import dev.live.protocol.Message
import dev.live.server.topic.TopicPolicies
import dev.live.server.topic.TopicPolicy

/** What the endpoints of a server have declared about topics: a topic is the same one whichever endpoint it is used at. */
internal class DeclaredTopics : TopicPolicies {
    private class Declared(val pattern: TopicPattern, val policy: TopicPolicy, val payload: PayloadType<*>)

    /** Most specific first. Written while routes are set up, as a whole: readers never see a part. */
    @Volatile
    private var declared = emptyList<Declared>()

    @Volatile
    private var isPlain = true

    @Volatile
    private var hasKeys = false

    /** @throws IllegalArgumentException if another endpoint asks for something else of the same topics */
    @Synchronized
    fun declare(declarations: List<TopicDeclaration<*, *>>) {
        val fresh = declarations.map { Declared(it.pattern, it.policy, it.payload) }
        for (one in fresh) {
            val other = declared.find { it.pattern.shape == one.pattern.shape } ?: continue
            // two functions cannot be compared: the key is the first one's
            require(other.policy.copy(key = null) == one.policy.copy(key = null)) {
                "topic pattern '${one.pattern}' is declared by two endpoints with different history, presence or " +
                    "delivery: a topic has one of each, whichever endpoint it is used at"
            }
        }
        val all = (declared + fresh).sortedBy { it.pattern.specificity }
        declared = all
        isPlain = all.all { it.policy == TopicPolicy.None }
        hasKeys = all.any { it.policy.key != null }
    }

    /** What the payloads of the topic called [name] are; null if no endpoint declares it. Of two that do, the first. */
    fun payloadOf(name: String): PayloadType<*>? = declared.find { it.pattern.match(name) != null }?.payload

    override fun of(name: String): TopicPolicy =
        // nobody asks for anything: then this is on the way of every publish to a topic that is not in use
        if (isPlain) TopicPolicy.None else declared.find { it.pattern.match(name) != null }?.policy ?: TopicPolicy.None

    override fun keyOf(name: String): ((Message) -> String)? = if (hasKeys) of(name).key else null
}
