package dev.live.chaos

import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import kotlinx.serialization.Serializable
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.ConcurrentLinkedQueue

/** A published message: number [seq] of [publisher], counted from 0. */
@Serializable
internal data class Entry(val publisher: Int, val seq: Int)

/**
 * The outcome of one publish, from the publisher's view.
 *
 * @property copies maximum number of copies in the topic
 */
internal enum class Outcome(val copies: Int, val isAcked: Boolean = false) {
    /** The server acknowledged the message. */
    Acked(1, isAcked = true),

    /** The message may have been published. */
    Unknown(1),

    /** The server rejected the message, or it was never sent. */
    NotPublished(0),

    /** Acknowledged, and sent with an idempotency key during a server restart, which loses the keys. */
    AckedAcrossRestart(2, isAcked = true),

    /** Sent with an idempotency key during a server restart; may have been published. */
    UnknownAcrossRestart(2),
    ;

    /** This outcome for a message sent with an idempotency key during a server restart. */
    val acrossRestart: Outcome
        get() =
            when (this) {
                Acked -> AckedAcrossRestart
                Unknown -> UnknownAcrossRestart
                else -> this
            }
}

/** Records the outcome of every published message. */
internal class Ledger {
    private val outcomes = ConcurrentHashMap<Int, MutableList<Outcome>>()

    /** The number of the next message of [publisher]. A publisher publishes one message at a time. */
    fun next(publisher: Int): Int = outcomes.getOrPut(publisher) { ArrayList() }.size

    fun record(publisher: Int, outcome: Outcome) {
        outcomes.getValue(publisher) += outcome
    }

    fun of(publisher: Int): List<Outcome> = outcomes[publisher].orEmpty()

    fun count(outcome: Outcome): Int = outcomes.values.sumOf { of -> of.count { it == outcome } }
}

/** The messages and gaps that one collector received of one topic. Written by the collector; read after its end. */
internal class Collected(private val name: String) {
    /** Per publisher: the received message numbers, and [GAP] where messages may be missing. */
    private val publishers = ConcurrentHashMap<Int, MutableList<Int>>()
    private var offset: Long? = null

    /** Violations found so far. */
    val errors = ConcurrentLinkedQueue<String>()

    @Volatile
    var gaps = 0
        private set

    @Volatile
    var recoveries = 0
        private set

    /** Whether the collector was notified of its subscription. It must receive every later message. */
    @Volatile
    var isSubscribed = false
        private set

    /** Number of the newest message per publisher. */
    private val newest = ConcurrentHashMap<Int, Int>()

    fun hasReceived(publisher: Int, seq: Int): Boolean = newest[publisher] == seq

    fun take(update: TopicUpdate<Entry>) {
        when (update) {
            is TopicUpdate.Received -> take(update.value, checkNotNull(update.offset) { "no offset" })
            is TopicUpdate.Subscribed ->
                when (update.recovery) {
                    Recovery.First -> {
                        if (isSubscribed) errors += "$name received a second Subscribed with Recovery.First"
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
        if (before != null && at != before + 1) errors += "$name received offset $at after $before without a gap"
        offset = at
        // a publisher without a message before the gap may also have missing messages
        publishers.getOrPut(entry.publisher) { if (gaps > 0) mutableListOf(GAP) else mutableListOf() } += entry.seq
        newest[entry.publisher] = entry.seq
    }

    /** Compares the received messages with [ledger] and adds violations to [errors]. */
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
            if (count > outcome.copies) errors += "$name received $count copies of $publisher/$seq, which is $outcome"
            if (!outcome.isAcked || count > 1) continue // the remaining checks apply to acknowledged messages only
            if (seq < last) errors += "$name received $publisher/$seq after $last"
            val missing = (last + 1 until seq).filter { outcomes[it].isAcked }
            if (missing.isNotEmpty() && !mayMiss) errors += "$name missed $publisher/$missing without a gap"
            last = seq
            mayMiss = false
        }
    }

    private companion object {
        const val GAP = -1
    }
}
