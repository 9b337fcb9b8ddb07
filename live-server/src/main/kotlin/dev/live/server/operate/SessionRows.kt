package dev.live.server.operate

import dev.live.server.frame.wellFormed
import dev.live.server.http.EndpointContext
import dev.live.server.session.Session
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.add
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject

/** The sessions of a server for the admin page. */
internal class SessionRows(private val context: EndpointContext) {
    private val settings = context.sessionSettings

    fun page(paging: Paging, topic: String?): Page<SessionRow> {
        val now = context.now()
        val matching =
            context.sessions.all.asSequence()
                .filter { topic == null || it.subscriptions[topic] != null }
                .filter { paging.matches(it.id, it.user, it.remoteAddress) }
                .map { row(it, now) }
        return pageOf(matching.asIterable(), order(paging.sort), paging)
    }

    /** The totals of all session queues, and at most [maxSlowest] of the slowest sessions. */
    fun queues(maxSlowest: Int): Queues {
        val now = context.now()
        val queues = Queues()
        val rows = context.sessions.all.asSequence().map { row(it, now).also(queues::add) }.filter { it.isSlow }
        val paging = Paging("queue", isDescending = true, filter = "", offset = 0, maxSlowest)
        val page = pageOf(rows.asIterable(), order("queue"), paging)
        queues.slow = page.matched
        queues.slowest = page.rows
        return queues
    }

    private fun row(session: Session<*>, now: Long): SessionRow {
        val queue = session.state.queue
        val messages = queue.count
        val bytes = queue.bytes
        val bound = settings.queueBound
        val fill = maxOf(messages.toDouble() / bound.messages, bytes.toDouble() / bound.bytes)
        return SessionRow(session, messages, bytes, fill, session.state.writingFor(now))
    }

    private fun order(sort: String): Comparator<SessionRow> =
        when (sort) {
            "queue" -> compareBy<SessionRow> { it.fill }.thenBy { it.writingMillis }
            "waiting" -> compareBy { it.writingMillis }
            "since" -> compareBy { it.session.connectedSince }
            "user" -> compareBy { it.session.user }
            "address" -> compareBy { it.session.remoteAddress }
            "topics" -> compareBy { it.topics }
            else -> compareBy { it.session.id }
        }

    companion object {
        val SORTS: Set<String> = setOf("queue", "waiting", "since", "user", "address", "topics", "id")
    }
}

/** The messages queued for all clients of a server. */
internal class Queues {
    var messages = 0L
        private set
    var bytes = 0L
        private set
    var sessions = 0
        private set

    /** Number of slow sessions, see [SessionRow.isSlow]. */
    var slow = 0
    var slowest = emptyList<SessionRow>()

    fun add(row: SessionRow) {
        messages += row.messages
        bytes += row.bytes
        if (row.messages > 0) sessions++
    }
}

/**
 * A snapshot of one session, so that sort keys do not change while rows are sorted.
 *
 * @property fill fill level of the queue, by messages or bytes, whichever is higher. It exceeds 1 if lossy topics have
 *   messages queued outside the bound, or until the writer of a full queue runs
 * @property writingMillis time since the start of the current write, which the client has not yet accepted
 */
internal class SessionRow(
    val session: Session<*>,
    val messages: Int,
    val bytes: Long,
    val fill: Double,
    val writingMillis: Long,
) {
    val topics: Int = session.subscriptions.count

    /** Whether the client is slow: its queue is at least 25 % full, or a write has been pending for one second. */
    val isSlow: Boolean get() = fill >= SLOW_FILL || writingMillis >= SLOW_MILLIS

    fun toJson(): JsonObject =
        buildJsonObject {
            put("id", session.id)
            put("user", session.user?.wellFormed(MAX_TEXT))
            put("address", session.remoteAddress.wellFormed(MAX_TEXT))
            put("since", session.connectedSince.toEpochMilliseconds())
            put("transport", session.transport)
            put("codec", session.codec.subprotocol.substringAfterLast('.'))
            putJsonObject("topics") {
                put("count", topics)
                putJsonArray("first") { session.topics.sorted().take(MAX_TOPICS).forEach { add(it) } }
            }
            putJsonObject("queue") {
                put("messages", messages)
                put("bytes", bytes)
                put("fill", fill)
            }
            put("writingMs", writingMillis)
        }

    private companion object {
        const val SLOW_FILL = 0.25
        const val SLOW_MILLIS = 1_000
        const val MAX_TEXT = 256
        const val MAX_TOPICS = 5
    }
}
