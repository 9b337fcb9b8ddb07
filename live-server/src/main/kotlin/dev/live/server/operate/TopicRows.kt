package dev.live.server.operate

import dev.live.server.http.EndpointContext
import dev.live.server.topic.ActiveTopic
import dev.live.server.topic.TopicRegistry
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** The active topics of a server for the admin page. */
internal class TopicRows(private val context: EndpointContext) {
    fun page(paging: Paging): Page<TopicRow> {
        val matching = context.topics.snapshot().asSequence().filter {
            paging.matches(it.name)
        }.map { TopicRow(it, context.topics) }
        return pageOf(matching.asIterable(), order(paging.sort), paging)
    }

    /** At most [count] of the topics with lost messages, ordered by the number of lost messages, highest first. */
    fun mostLost(count: Int): List<TopicRow> {
        val rows = context.topics.snapshot().asSequence().map { TopicRow(it, context.topics) }.filter { it.lost > 0 }
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

/** A snapshot of one topic. */
internal class TopicRow(topic: ActiveTopic, topics: TopicRegistry) {
    val name: String = topic.name
    val subscribers: Int = topic.size
    val published: Long = topic.published
    val historyBytes: Long = topics.historyBytes(name) ?: 0
    private val drops = topic.drops?.snapshot()
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
