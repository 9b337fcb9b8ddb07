package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position

/**
 * Messages read from a topic's history.
 *
 * @property position the position of the newest message, to pass as `since` to a later read
 * @property messages oldest first, each with its offset
 * @property isComplete whether [messages] contains every message after the requested position: false if the oldest were
 *   evicted, or the history was restarted
 */
public class HistoryPage internal constructor(
    public val position: Position,
    public val messages: List<Message>,
    public val isComplete: Boolean,
) {
    override fun toString(): String = "HistoryPage(${messages.size} messages up to $position, isComplete=$isComplete)"
}
