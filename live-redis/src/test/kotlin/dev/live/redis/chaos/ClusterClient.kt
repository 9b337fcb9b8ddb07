package dev.live.redis.chaos

import dev.live.client.LiveClient
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** A client of all topics, behind the load balancer on [port]. */
internal class ClusterClient(number: Int, port: Int, private val ledger: Ledger, scope: CoroutineScope) {
    val topics = ClusterNode.TOPICS.map { ReceivedTopic(it, "client $number of $it", ledger) }

    private val live =
        LiveClient("ws://127.0.0.1:$port/live") {
            context = scope.coroutineContext
            reconnect = ExponentialBackoff(50.milliseconds, 500.milliseconds)
            heartbeat {
                interval = 2.seconds
                timeout = 8.seconds
            }
        }

    init {
        for (topic in topics) {
            scope.launch { live.topic<String>(topic.topic).updates.collect { topic.take(it) } }
        }
    }

    val isSubscribed: Boolean get() = topics.all { it.isSubscribed }
    val gaps: Int get() = topics.sumOf { it.gaps }
    val recoveries: Int get() = topics.sumOf { it.recoveries }
    val longestSilence: Duration get() = topics.maxOf { it.longestSilence }

    fun hasAll(last: Collection<String>): Boolean =
        topics.all { topic -> last.filter { it.startsWith("${topic.topic} ") }.all { topic.hasReceived(it) } }

    suspend fun close(): Unit = live.close()
}

/** The messages of one topic at one client, compared with the outcomes of their publishes. */
internal class ReceivedTopic(val topic: String, private val name: String, private val ledger: Ledger) {
    /** Messages [first] until [end] of [publisher] that did not arrive before the next one. */
    private class Hole(val publisher: String, val first: Int, val end: Int, val hasGap: Boolean)

    private class Last(val seq: Int, val gaps: Int)

    /** Written by the collector, like all fields. */
    private val last = HashMap<String, Last>()
    private val holes = ArrayList<Hole>()
    private val errors = ConcurrentLinkedQueue<String>()
    private var offset: Long? = null
    private var receivedAt: TimeSource.Monotonic.ValueTimeMark? = null

    @Volatile
    var isSubscribed = false
        private set

    @Volatile
    var gaps = 0
        private set

    @Volatile
    var recoveries = 0
        private set

    @Volatile
    var longestSilence = Duration.ZERO

    fun take(update: TopicUpdate<String>): Unit =
        synchronized(this) {
            when (update) {
                is TopicUpdate.Received -> take(update.value, update.offset)
                is TopicUpdate.Subscribed -> {
                    isSubscribed = true
                    if (update.recovery == Recovery.Recovered) recoveries++
                    if (update.recovery == Recovery.Gap) {
                        gaps++
                        offset = null
                    }
                }
            }
        }

    private fun take(text: String, next: Long?) {
        val now = TimeSource.Monotonic.markNow()
        receivedAt?.let { longestSilence = maxOf(longestSilence, now - it) }
        receivedAt = now
        val publisher = text.substringBefore('#')
        val seq = text.substringAfter('#').toInt()
        val before = last[publisher] ?: Last(-1, 0)
        if (seq <= before.seq) error("$text arrived after ${before.seq}")
        if (seq > before.seq + 1) holes += Hole(publisher, before.seq + 1, seq, hasGap = gaps > before.gaps)
        last[publisher] = Last(seq, gaps)
        offset?.let { if (next != it + 1) error("offset $next followed $it") }
        offset = next ?: return error("$text has no offset")
        // offsets start over after a gap only
        if (gaps == 0) ledger.different(topic, next, text)?.let { error("offset $next is $text, and $it elsewhere") }
    }

    private fun error(problem: String) {
        errors += "$name: $problem"
    }

    fun hasReceived(publisher: String): Boolean =
        synchronized(this) { (last[publisher]?.seq ?: -1) >= ledger.size(publisher) - 1 }

    /** The errors, with acknowledged messages that are missing without a gap. Call it after the last publish. */
    fun errors(): List<String> =
        synchronized(this) {
            val ends =
                ledger.publishers.filter { it.startsWith("$topic ") }.map { publisher ->
                    val before = last[publisher] ?: Last(-1, 0)
                    Hole(publisher, before.seq + 1, ledger.size(publisher), hasGap = gaps > before.gaps)
                }
            val missed =
                (holes + ends).filterNot { it.hasGap }.flatMap { hole ->
                    (hole.first until hole.end).filter { ledger.isAcked(hole.publisher, it) }
                        .map { "$name: ${hole.publisher}#$it is missing, without a gap" }
                }
            errors + missed
        }
}
