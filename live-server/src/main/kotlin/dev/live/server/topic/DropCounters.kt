package dev.live.server.topic

import dev.live.server.observe.ServerCounters
import java.util.concurrent.atomic.LongAdder

/** Counts messages that a topic's subscribers did not receive because of its delivery settings. Thread-safe. */
internal class DropCounters(private val counters: ServerCounters = ServerCounters()) {
    private val conflations = LongAdder()
    private val drops = LongAdder()

    fun conflated() {
        countConflated()
        report(conflated = 1, dropped = 0)
    }

    fun dropped() {
        countDropped()
        report(conflated = 0, dropped = 1)
    }

    fun countConflated() = conflations.increment()

    fun countDropped() = drops.increment()

    /** Reports drops of any topic to the server's observers, which are application code. */
    fun report(conflated: Int, dropped: Int) {
        if (conflated > 0) counters.dropped("conflate", conflated)
        if (dropped > 0) counters.dropped("dropOldest", dropped)
    }

    fun snapshot() = TopicDrops(conflations.sum(), drops.sum())
}

/**
 * Messages that a topic's subscribers on this node did not receive because of its delivery settings, since the topic
 * became active.
 *
 * @property conflated messages replaced by a newer one of the same key before they were written
 * @property dropped messages dropped because of a limit
 */
public class TopicDrops internal constructor(public val conflated: Long, public val dropped: Long) {
    override fun toString(): String = "TopicDrops(conflated=$conflated, dropped=$dropped)"
}
