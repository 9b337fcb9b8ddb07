package dev.live.server.topic

import dev.live.server.observe.ServerCounters
import java.util.concurrent.atomic.LongAdder

/** What the subscribers of a topic did not get, because of what the topic declares. Any thread. */
internal class DropCounters(private val counters: ServerCounters = ServerCounters()) {
    private val conflations = LongAdder()
    private val drops = LongAdder()

    fun conflated() {
        countConflated()
        tell(conflated = 1, dropped = 0)
    }

    fun dropped() {
        countDropped()
        tell(conflated = 0, dropped = 1)
    }

    fun countConflated() = conflations.increment()

    fun countDropped() = drops.increment()

    /** Tells the server's observers, code of the application's, of what was counted, of this topic and others. */
    fun tell(conflated: Int, dropped: Int) {
        if (conflated > 0) counters.dropped("conflate", conflated)
        if (dropped > 0) counters.dropped("dropOldest", dropped)
    }

    fun snapshot() = TopicDrops(conflations.sum(), drops.sum())
}

/**
 * Messages that subscribers of a topic on this node did not get, since the topic has been in use, because it declares
 * that they need not.
 *
 * @property conflated replaced by a newer one of the same key before they were written
 * @property dropped gone to make room
 */
public class TopicDrops internal constructor(public val conflated: Long, public val dropped: Long) {
    override fun toString(): String = "TopicDrops(conflated=$conflated, dropped=$dropped)"
}
