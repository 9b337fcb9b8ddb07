package dev.live.server.operate

import dev.live.server.broker.BrokerStatus
import dev.live.server.broker.NodeStatus
import dev.live.server.http.EndpointContext
import dev.live.server.observe.LiveStats
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import kotlin.time.Duration
import kotlin.time.DurationUnit

/**
 * The overview of the admin page as JSON: counters since the server started, the current queues, the slowest sessions
 * and the topics that drop the most messages.
 */
internal fun overview(
    context: EndpointContext,
    stats: LiveStats,
    nodes: List<NodeStatus>,
    sessions: SessionRows,
    topics: TopicRows,
): JsonObject {
    val queues = sessions.queues(SHOWN)
    val settings = context.sessionSettings
    return buildJsonObject {
        put("atMs", context.now()) // monotonic clock, for computing rates
        put("wallMs", System.currentTimeMillis())
        totals(stats)
        putJsonObject("queues") {
            put("messages", queues.messages)
            put("bytes", queues.bytes)
            put("sessions", queues.sessions)
            put("slow", queues.slow)
        }
        putJsonObject("bounds") {
            put("queueMessages", settings.queueBound.messages)
            put("queueBytes", settings.queueBound.bytes)
            put("writeTimeoutMs", settings.writeTimeout.inWholeMilliseconds)
        }
        put("slowest", JsonArray(queues.slowest.map { it.toJson() }))
        put("mostLost", JsonArray(topics.mostLost(SHOWN).map { it.toJson() }))
        put("nodes", JsonArray(nodes.map { it.toJson() }))
    }
}

private fun NodeStatus.toJson() =
    buildJsonObject {
        put("id", id)
        put("sessions", sessions)
        put("topics", topics)
        put("draining", isDraining)
        put("lagMs", lag?.toDouble(DurationUnit.MILLISECONDS))
        put("reconnects", reconnects)
        put("dropped", dropped)
        put("gaps", gaps)
    }

private fun JsonObjectBuilder.totals(stats: LiveStats) {
    put("connections", stats.connections)
    put("sessions", stats.sessions)
    put("topics", stats.topics)
    put("messagesIn", stats.messagesIn)
    put("bytesIn", stats.bytesIn)
    put("published", stats.published)
    put("deliveries", stats.deliveries)
    put("messagesOut", stats.messagesOut)
    put("bytesOut", stats.bytesOut)
    put("rateLimited", stats.rateLimited)
    put("recoveries", stats.recoveries)
    put("gaps", stats.gaps)
    stats.broker?.let { broker(it, stats.lag) }
    putJsonObject("transports") { stats.transports.toSortedMap().forEach { (name, count) -> put(name, count) } }
    putJsonObject("drops") { stats.drops.toSortedMap().forEach { (policy, count) -> put(policy, count) } }
    putJsonObject("closes") { stats.closes.toSortedMap().forEach { (code, count) -> put(code, count) } }
}

private fun JsonObjectBuilder.broker(status: BrokerStatus, lag: Duration?) {
    putJsonObject("broker") {
        put("state", status.state.name.lowercase())
        put("awayMs", status.away.inWholeMilliseconds)
        put("outbox", status.outbox)
        put("reconnects", status.reconnects)
        put("dropped", status.dropped)
        put("lagMs", lag?.toDouble(DurationUnit.MILLISECONDS))
    }
}

private const val SHOWN = 5
