package dev.live.server.broker

import dev.live.protocol.Position

/**
 * A part of a topic's history, read at one point in time.
 *
 * @property position position of the newest publication of the topic
 * @property entries the requested publications that are still stored, oldest first, without a hole
 * @property isComplete whether [entries] contains every publication between the requested position and [position]
 */
public class StoredHistory(
    public val position: Position,
    public val entries: List<StoredPublication>,
    public val isComplete: Boolean,
) {
    override fun toString(): String = "StoredHistory(${entries.size} up to $position, isComplete=$isComplete)"
}

/** A [publication] and its [position] in the history of its topic. */
public class StoredPublication(public val publication: Publication, public val position: Position) {
    override fun toString(): String = "StoredPublication($publication at $position)"
}
