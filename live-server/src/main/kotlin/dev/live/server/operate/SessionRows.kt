package dev.live.server.operate

import dev.live.server.endpoint.EndpointContext
import dev.live.server.frame.wellFormed
import dev.live.server.session.Session
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.add
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject

/** The sessions of a server, as an operator looks at them. */
internal class SessionRows(private val context: EndpointContext) {
    private val settings = context.sessionSettings

    fun page(paging: Paging, topic: String?): Page<SessionRow> {
        val now = context.now()
        val matching =
            context.sessions.all.asSequence()
                .filter { topic == null || it.state.memberships[topic] != null }
                .filter { paging.admits(it.id, it.user, it.remoteAddress) }
                .map { row(it, now) }
        return pageOf(matching.asIterable(), order(paging.sort), paging)
    }

    /** What waits for all sessions, and the [slowest] of them. */
    fun queues(slowest: Int): Queues {
        val now = context.now()
        val queues = Queues()
        val rows = context.sessions.all.asSequence().map { row(it, now).also(queues::add) }.filter { it.isSlow }
        val paging = Paging("queue", isDescending = true, filter = "", offset = 0, slowest)
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
        // what it writes it may have begun to write a moment before, whatever the clock says
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

/** What waits for the clients of a server. */
internal class Queues {
    var messages = 0L
        private set
    var bytes = 0L
        private set
    var sessions = 0
        private set

    /** Sessions that are slow: see [SessionRow.isSlow]. */
    var slow = 0
    var slowest = emptyList<SessionRow>()

    fun add(row: SessionRow) {
        messages += row.messages
        bytes += row.bytes
        if (row.messages > 0) sessions++
    }
}

/**
 * One session as it was for a moment: what is sorted by must not change meanwhile.
 *
 * @property fill how much of what may wait for it does: of messages or of bytes, whichever is more. Over 1 where topics
 *   that may lose messages have some waiting beside the queue, and until the writer of a full queue has had its turn
 * @property writingMillis for how long the client has not taken what is written to it
 */
internal class SessionRow(
    val session: Session<*>,
    val messages: Int,
    val bytes: Long,
    val fill: Double,
    val writingMillis: Long,
) {
    val topics: Int = session.state.memberships.count

    /** Whether it falls behind: what waits would fill a quarter of its queue, or it took nothing for a second. */
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
