package dev.live.server.topic

import kotlin.time.Duration

/**
 * Holds back what comes too soon after the last delivery, the newest of each key.
 *
 * Only accessed by the topic's fan-out coroutine.
 *
 * @param maxKeys keys of which one may be held back each; the oldest makes way
 */
internal class Throttle(
    private val interval: Duration,
    private val maxKeys: Int,
    private val drops: DropCounters,
    private val alarm: TopicTimer,
    private val now: () -> Long,
) {
    /** In the order in which they were published, which for those with offsets is the one that clients may get them in. */
    private val held = LinkedHashMap<String, PreparedMessage>()
    private var nextAt = Long.MIN_VALUE

    /** Whether there is something that comes later. */
    val isHolding: Boolean get() = held.isNotEmpty()

    /** The offset up to which all has been delivered or replaced, where the topic has a history. */
    var delivered = 0L
        private set

    /** Whether [message] may be delivered now; otherwise it is held back. */
    fun admits(message: PreparedMessage): Boolean {
        val time = now()
        if (held.isEmpty() && time >= nextAt) {
            nextAt = time + interval.inWholeMilliseconds
            delivered(message)
            return true
        }
        val key = message.key.orEmpty()
        val replaced = held.remove(key)
        held[key] = message
        if (replaced != null) {
            drops.conflated()
        } else if (held.size > maxKeys) {
            held.remove(held.keys.first())
            drops.dropped()
        }
        alarm.setTo(nextAt)
        return false
    }

    /** What is to be delivered by now, oldest key first. */
    fun due(): List<PreparedMessage> {
        if (held.isEmpty()) return emptyList()
        val time = now()
        if (time < nextAt) {
            alarm.setTo(nextAt)
            return emptyList()
        }
        nextAt = time + interval.inWholeMilliseconds
        val due = held.values.toList()
        held.clear()
        due.lastOrNull()?.let(::delivered)
        return due
    }

    private fun delivered(message: PreparedMessage) {
        delivered = message.message.offset ?: return
    }
}
