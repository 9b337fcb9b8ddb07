package dev.live.benchmarks.load.generator

/**
 * The distribution of subscriptions: [topics] topics with [perTopic] subscribers each, spread over [clients] in turn.
 *
 * Either every client has one topic, or every topic has one client.
 */
internal class Layout(val topics: Int, val perTopic: Int, val clients: Int) {
    val subscriptions = topics * perTopic
    private val oneTopicEach = clients == subscriptions

    init {
        require(oneTopicEach || perTopic == 1) { "$subscriptions subscriptions cannot be spread over $clients clients" }
    }

    /** The topics of [client]. */
    fun topicsOf(
        client: Int,
    ): Sequence<Int> = (client until subscriptions step clients).asSequence().map { it % topics }

    /** The index of [client]'s subscription to [topic], or -1 without one. */
    fun subscription(client: Int, topic: Int): Int =
        if (oneTopicEach) {
            if (client in 0 until clients && client % topics == topic) client else -1
        } else {
            if (topic % clients == client) topic else -1
        }

    fun topicOf(subscription: Int): Int = subscription % topics

    companion object {
        fun nameOf(topic: Int): String = "t/$topic"
    }
}
