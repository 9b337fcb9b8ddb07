package dev.live.redis.chaos

import java.util.Collections
import java.util.concurrent.ConcurrentHashMap

/** The outcome of one publish. */
internal enum class Outcome { Acked, Unknown, NotPublished }

/** The outcomes of all publishes, by publisher. A publisher publishes one message at a time. Thread-safe. */
internal class Ledger {
    private val outcomes = ConcurrentHashMap<String, MutableList<Outcome>>()

    /** The text at each offset of each topic, as the first client has received it. */
    private val order = ConcurrentHashMap<Pair<String, Long>, String>()

    val publishers: Set<String> get() = outcomes.keys

    fun next(publisher: String): Int = of(publisher).size

    fun record(publisher: String, outcome: Outcome) {
        of(publisher) += outcome
    }

    /** Whether message [seq] of [publisher] was acknowledged. */
    fun isAcked(publisher: String, seq: Int): Boolean = of(publisher).getOrNull(seq) == Outcome.Acked

    fun size(publisher: String): Int = of(publisher).size

    fun count(outcome: Outcome): Int =
        outcomes.values.sumOf { all -> synchronized(all) { all.count { it == outcome } } }

    /** Returns the text that another client has received at this place, if it differs. */
    fun different(topic: String, offset: Long, text: String): String? =
        order.putIfAbsent(topic to offset, text)?.takeIf { it != text }

    private fun of(publisher: String): MutableList<Outcome> =
        outcomes.getOrPut(publisher) { Collections.synchronizedList(ArrayList()) }
}
