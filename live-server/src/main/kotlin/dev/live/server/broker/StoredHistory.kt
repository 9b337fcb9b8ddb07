package dev.live.server.broker

import dev.live.protocol.Position

/**
 * A part of a topic's history, read at one point in time.
 *
 * @property position position of the newest publication of the topic
 * @property entries the requested publications that are still stored, oldest first, without a hole
 * @property isComplete whether [entries] contains every publication between the requested position and [position]
 * @property continues the last position of the requested epoch that is also a part of the current one, with the same
 *   publications and the same offsets up to there; null if the requested epoch is the current one or is not continued
 */
public class StoredHistory
    @JvmOverloads
    constructor(
        public val position: Position,
        public val entries: List<StoredPublication>,
        public val isComplete: Boolean,
        public val continues: Position? = null,
    ) {
        /** Whether [other] is a position of the current epoch, or of the continued part of the requested one. */
        internal fun contains(other: Position): Boolean =
            other.epoch == position.epoch ||
                (continues != null && other.epoch == continues.epoch && other.offset <= continues.offset)

        override fun toString(): String = "StoredHistory(${entries.size} up to $position, isComplete=$isComplete)"
    }

/** A [publication] and its [position] in the history of its topic. */
public class StoredPublication(public val publication: Publication, public val position: Position) {
    override fun toString(): String = "StoredPublication($publication at $position)"
}
