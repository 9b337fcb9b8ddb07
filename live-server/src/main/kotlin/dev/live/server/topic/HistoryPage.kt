package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.Position

/**
 * What a topic's history holds.
 *
 * @property position the newest message's place; asked for what came since then, the history has nothing to give yet
 * @property messages oldest first, each with its offset
 * @property isComplete whether [messages] are all that came since what was asked for: false if the oldest are gone, or
 *   the history began anew
 */
public class HistoryPage internal constructor(
    public val position: Position,
    public val messages: List<Message>,
    public val isComplete: Boolean,
) {
    override fun toString(): String = "HistoryPage(${messages.size} messages up to $position, isComplete=$isComplete)"
}
