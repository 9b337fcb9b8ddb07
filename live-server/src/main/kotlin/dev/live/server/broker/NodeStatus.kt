package dev.live.server.broker

import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds

/**
 * One node of an application, as it reported with its last heartbeat.
 *
 * @property id name that the broker gave the node for the time of its process
 * @property sessions open sessions
 * @property topics active topics
 * @property isDraining whether the node is ending
 * @property lag time from a publication of the node to its delivery on the node; null before the first measurement
 * @property reconnects connections of the node's broker that were opened after a loss, since its start
 * @property dropped publications that its broker dropped because the node delivered too slowly, since its start
 * @property gaps gaps reported to its subscribers, since its start
 */
public class NodeStatus internal constructor(
    public val id: String,
    public val sessions: Int,
    public val topics: Int,
    public val isDraining: Boolean,
    public val lag: Duration?,
    public val reconnects: Long,
    public val dropped: Long,
    public val gaps: Long,
) {
    /** The text that brokers transmit: fields that other versions of live do not know are ignored. */
    internal fun toReport(): String =
        listOfNotNull(
            "sessions=$sessions",
            "topics=$topics",
            "draining=${if (isDraining) 1 else 0}",
            lag?.let { "lag=${it.inWholeMicroseconds}" },
            "reconnects=$reconnects",
            "dropped=$dropped",
            "gaps=$gaps",
        ).joinToString(" ")

    override fun toString(): String = "NodeStatus($id, ${toReport()})"

    internal companion object {
        /** The status in the [report] of the node [id]. Missing and invalid numbers are 0. */
        fun of(id: String, report: String): NodeStatus {
            val fields = report.split(' ').associate {
                it.substringBefore('=') to it.substringAfter('=').toLongOrNull()
            }

            fun field(name: String): Long = fields[name] ?: 0
            return NodeStatus(
                id,
                field("sessions").toInt(),
                field("topics").toInt(),
                isDraining = field("draining") == 1L,
                fields["lag"]?.microseconds,
                field("reconnects"),
                field("dropped"),
                field("gaps"),
            )
        }
    }
}
