package dev.live.client.topic

import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * The collectors of one topic, and the data with which the next one starts: the position in the history and the
 * presence. Only used on the client's dispatcher.
 *
 * @param linger how long a subscription is kept after the last collector has gone
 * @param onLingerEnd called at the end of that time, unless a collector was added or [endLinger] was called
 */
internal class TopicCollectors(
    private val scope: CoroutineScope,
    private val linger: Duration,
    private val onLingerEnd: () -> Unit,
) {
    private val collectors = ArrayList<CollectorBuffer>()

    /** Only not null while there are no collectors. */
    private var lingerTimer: Job? = null

    /** Null if it is not known yet or the topic keeps no history. */
    private var history: History? = null
    private var presence = Presence.Empty

    val isEmpty: Boolean get() = collectors.isEmpty()

    /** Whether to keep a subscription: there are collectors, or the last one has not been gone for [linger]. */
    val isWanted: Boolean get() = collectors.isNotEmpty() || lingerTimer != null

    val hasOverflow: Boolean get() = collectors.any { it.isOverflowed }

    /** Whether an overflowed collector has not emptied its buffer yet. */
    val isEmptying: Boolean get() = collectors.any { it.isOverflowed && !it.isEmpty }

    /** The position from which all collectors can continue; null if it is not known. There must be a collector. */
    val position: Position?
        get() = history?.let { known -> Position(known.epoch, collectors.minOf { it.offset }) }

    /** The subscribe parameters of the newest collector that has any. */
    val params: JsonElement? get() = collectors.asReversed().firstNotNullOfOrNull { it.params }

    operator fun contains(collector: CollectorBuffer): Boolean = collector in collectors

    fun add(collector: CollectorBuffer) {
        endLinger()
        collector.offset = history?.newest ?: 0
        collectors += collector
    }

    /** Returns false if [collector] was not added, or is removed already. */
    fun remove(collector: CollectorBuffer): Boolean = collectors.remove(collector)

    /** Passes the presence to the new [collector], if it is known. */
    fun offerPresence(collector: CollectorBuffer) {
        if (presence !== Presence.Empty) collector.offer(presence)
    }

    /** Called when the last collector of an existing subscription has gone. */
    fun startLinger() {
        if (!linger.isPositive()) return
        lingerTimer =
            scope.launch {
                delay(linger)
                lingerTimer = null
                onLingerEnd()
            }
    }

    fun endLinger() {
        lingerTimer?.cancel()
        lingerTimer = null
    }

    /** Passes [message] to all collectors. Returns true if the buffer of a collector is full. */
    fun deliver(message: Message): Boolean {
        if (message.type == MessageType.PRESENCE) updatePresence(message)
        val known = history
        val offset = if (known == null) null else message.offset
        var full: ArrayList<CollectorBuffer>? = null
        for (i in collectors.indices) { // neither an iterator nor a list for the usual message
            val collector = collectors[i]
            if (!collector.isDelivered(message, offset)) full = (full ?: ArrayList()).also { it += collector }
        }
        if (known != null && offset != null && offset > known.newest) known.newest = offset
        if (full == null) return false
        full.forEach { it.isOverflowed = offset != null && it.overflow == CollectorOverflow.Recover }
        failSlow(full.filterNot { it.isOverflowed })
        return true
    }

    /** False if the buffer is full. A collector receives each offset once, and nothing while it is overflowed. */
    private fun CollectorBuffer.isDelivered(message: Message, newOffset: Long?): Boolean {
        if (isOverflowed || (newOffset != null && newOffset <= offset)) return true
        if (!offer(message)) return false
        if (newOffset != null) offset = newOffset
        return true
    }

    private fun updatePresence(message: Message) {
        presence = presence.afterOrNull(message) ?: return
        collectors.forEach { it.offer(presence) }
    }

    /** The server accepted the subscription, on a topic with history with the position [data]. */
    fun subscribed(data: SubscribedData?, welcome: JsonElement?) {
        val isRecovered = data?.recovered == true
        if (!isRecovered) {
            history = data?.let { History(it.epoch, it.offset) }
            collectors.forEach { it.offset = data?.offset ?: 0 }
        } else {
            // a new epoch can continue the known one, with the same offsets
            history = history?.let { if (it.epoch == data.epoch) it else History(data.epoch, it.newest) }
        }
        val recovery = if (isRecovered) Recovery.Recovered else Recovery.Gap
        val failed =
            collectors.filter { collector ->
                val isFull = !collector.subscribed(recovery, welcome)
                collector.isOverflowed = isFull && history != null && collector.overflow == CollectorOverflow.Recover
                isFull && !collector.isOverflowed
            }
        failSlow(failed)
    }

    private fun failSlow(failed: List<CollectorBuffer>) {
        failed.forEach { it.failSlow() }
        collectors -= failed.toSet()
    }

    /**
     * Completes the flows, or fails them with the result of [failure].
     *
     * @param isTemporary whether to keep collectors that were subscribed before: the client subscribes again for them
     */
    fun close(isTemporary: Boolean, failure: () -> LiveException?) {
        val closed = collectors.filterNot { isTemporary && it.wasSubscribed }
        collectors -= closed.toSet()
        closed.forEach { it.close(failure()) } // a new exception for each, because a shared one would mix stack traces
    }

    /** Forgets position and presence: the next collector starts without them. */
    fun forget() {
        history = null
        presence = Presence.Empty
    }

    /** @property newest offset of the newest message received */
    private class History(val epoch: String, var newest: Long)
}
