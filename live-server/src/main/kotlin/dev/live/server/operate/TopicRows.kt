package dev.live.server.operate

import dev.live.server.endpoint.EndpointContext
import dev.live.server.topic.ActiveTopic
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** The topics of a server that are in use, as an operator looks at them. */
internal class TopicRows(private val context: EndpointContext) {
    fun page(paging: Paging): Page<TopicRow> {
        val matching = context.topics.snapshot().asSequence().filter { paging.admits(it.name) }.map(::TopicRow)
        return pageOf(matching.asIterable(), order(paging.sort), paging)
    }

    /** Those whose subscribers have missed most, as far as they declare that they may: [count] at most. */
    fun losing(count: Int): List<TopicRow> {
        val rows = context.topics.snapshot().asSequence().map(::TopicRow).filter { it.lost > 0 }
        return pageOf(rows.asIterable(), order("lost"), Paging("lost", isDescending = true, "", 0, count)).rows
    }

    private fun order(sort: String): Comparator<TopicRow> =
        when (sort) {
            "subscribers" -> compareBy { it.subscribers }
            "published" -> compareBy { it.published }
            "history" -> compareBy { it.historyBytes }
            "lost" -> compareBy { it.lost }
            else -> compareBy { it.name }
        }

    companion object {
        val SORTS: Set<String> = setOf("subscribers", "name", "published", "history", "lost")
    }
}

/** One topic as it was for a moment. */
internal class TopicRow(hub: ActiveTopic) {
    val name: String = hub.name
    val subscribers: Int = hub.size
    val published: Long = hub.published
    val historyBytes: Long = hub.historyBytes
    private val drops = hub.drops?.snapshot()
    val lost: Long = drops?.let { it.conflated + it.dropped } ?: 0

    fun toJson(): JsonObject =
        buildJsonObject {
            put("name", name)
            put("subscribers", subscribers)
            put("published", published)
            put("historyBytes", historyBytes)
            put("conflated", drops?.conflated ?: 0)
            put("dropped", drops?.dropped ?: 0)
        }
}
