package dev.live.chaos

import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import kotlinx.serialization.Serializable
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.ConcurrentLinkedQueue

/** What is published: number [seq] of [publisher], counted from 0. */
@Serializable
internal data class Entry(val publisher: Int, val seq: Int)

/**
 * What a publisher knows of one of its messages.
 *
 * @property copies how many there may be of it at most
 */
internal enum class Outcome(val copies: Int, val isAcked: Boolean = false) {
    /** It is acknowledged. */
    Acked(1, isAcked = true),

    /** It may have arrived. */
    Unknown(1),

    /** The server refused it, or it was never sent. */
    Not(0),

    /** Acknowledged, and sent with a key while the server that knew the key went. */
    AckedAcrossRestart(2, isAcked = true),

    /** Sent so, and may have arrived. */
    UnknownAcrossRestart(2),
    ;

    /** The same for what was sent with a key while the server was restarted. */
    val acrossRestart: Outcome
        get() =
            when (this) {
                Acked -> AckedAcrossRestart
                Unknown -> UnknownAcrossRestart
                else -> this
            }
}

/** Who published what, and what became of it. */
internal class Ledger {
    private val outcomes = ConcurrentHashMap<Int, MutableList<Outcome>>()

    /** The number of the next message of [publisher], which has one at a time. */
    fun next(publisher: Int): Int = outcomes.getOrPut(publisher) { ArrayList() }.size

    fun note(publisher: Int, outcome: Outcome) {
        outcomes.getValue(publisher) += outcome
    }

    fun of(publisher: Int): List<Outcome> = outcomes[publisher].orEmpty()

    fun count(outcome: Outcome): Int = outcomes.values.sumOf { of -> of.count { it == outcome } }
}

/** What one collector got of one topic, with its gaps. Written by the collector, read when it has ended. */
internal class Collected(private val name: String) {
    /** What came of each publisher, and [GAP] where something may be missing. */
    private val publishers = ConcurrentHashMap<Int, MutableList<Int>>()
    private var offset: Long? = null

    /** What cannot be, as soon as it is seen. */
    val wrong = ConcurrentLinkedQueue<String>()

    @Volatile
    var gaps = 0
        private set

    @Volatile
    var recoveries = 0
        private set

    /** Whether it was told that it is subscribed: what is published from then on is its own. */
    @Volatile
    var isSubscribed = false
        private set

    /** The newest of each publisher. */
    private val newest = ConcurrentHashMap<Int, Int>()

    fun has(publisher: Int, seq: Int): Boolean = newest[publisher] == seq

    fun take(update: TopicUpdate<Entry>) {
        when (update) {
            is TopicUpdate.Received -> take(update.value, checkNotNull(update.offset) { "no offset" })
            is TopicUpdate.Subscribed ->
                when (update.recovery) {
                    Recovery.First -> {
                        if (isSubscribed) wrong += "$name was told twice that it is subscribed for the first time"
                        isSubscribed = true
                    }
                    Recovery.Recovered -> recoveries++
                    Recovery.Gap -> {
                        gaps++
                        offset = null
                        publishers.values.forEach { it += GAP }
                    }
                }
        }
    }

    private fun take(entry: Entry, at: Long) {
        val before = offset
        if (before != null && at != before + 1) wrong += "$name got offset $at behind $before, without a gap"
        offset = at
        // of whom nothing has come before a gap, something may be missing too
        publishers.getOrPut(entry.publisher) { if (gaps > 0) mutableListOf(GAP) else mutableListOf() } += entry.seq
        newest[entry.publisher] = entry.seq
    }

    /** Holds all of it against [ledger]; what is wrong is in [wrong]. */
    fun check(ledger: Ledger) {
        for ((publisher, seqs) in publishers) check(publisher, seqs, ledger.of(publisher))
    }

    private fun check(publisher: Int, seqs: List<Int>, outcomes: List<Outcome>) {
        val copies = HashMap<Int, Int>()
        var last = -1
        var mayMiss = false
        for (seq in seqs) {
            if (seq == GAP) {
                mayMiss = true
                continue
            }
            val outcome = outcomes[seq]
            val count = copies.merge(seq, 1, Int::plus)!!
            if (count > outcome.copies) wrong += "$name got $count of $publisher/$seq, which is $outcome"
            if (!outcome.isAcked || count > 1) continue // the rest is for what is acknowledged
            if (seq < last) wrong += "$name got $publisher/$seq behind $last"
            val missing = (last + 1 until seq).filter { outcomes[it].isAcked }
            if (missing.isNotEmpty() && !mayMiss) wrong += "$name never got $publisher/$missing, and was told of no gap"
            last = seq
            mayMiss = false
        }
    }

    private companion object {
        const val GAP = -1
    }
}
