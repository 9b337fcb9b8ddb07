package dev.live.server.topic

import kotlin.time.Duration

/**
 * Holds back messages that follow the last delivery too soon, the newest of each key.
 *
 * Only accessed by the topic's actor.
 *
 * @param maxKeys maximum number of keys with a held-back message; the oldest is dropped
 */
internal class Throttle(
    private val interval: Duration,
    private val maxKeys: Int,
    private val drops: DropCounters,
    private val timer: TopicTimer,
    private val now: () -> Long,
) {
    /** In the order of publication, so that offsets increase. */
    private val held = LinkedHashMap<String, PreparedMessage>()
    private var nextAt = Long.MIN_VALUE

    /** Whether messages are held back. Read by any thread, like [delivered]. */
    @Volatile
    var isHolding = false
        private set

    /** The offset up to which all messages were delivered or replaced; only with a history. */
    @Volatile
    var delivered = 0L
        private set

    /** Whether [message] may be delivered now; if not, holds it back. */
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
        isHolding = true
        if (replaced != null) {
            drops.conflated()
        } else if (held.size > maxKeys) {
            held.remove(held.keys.first())
            drops.dropped()
        }
        timer.schedule(nextAt)
        return false
    }

    /** Returns the held-back messages that are due, oldest key first. */
    fun due(): List<PreparedMessage> {
        if (held.isEmpty()) return emptyList()
        val time = now()
        if (time < nextAt) {
            timer.schedule(nextAt)
            return emptyList()
        }
        nextAt = time + interval.inWholeMilliseconds
        val due = held.values.toList()
        held.clear()
        due.lastOrNull()?.let(::delivered)
        isHolding = false // last: a reader that sees it reads the new offset
        return due
    }

    /** Discards the held-back messages: the topic continues after [offset]. */
    fun skipTo(offset: Long) {
        held.clear()
        isHolding = false
        delivered = offset
    }

    private fun delivered(message: PreparedMessage) {
        delivered = message.message.offset ?: return
    }
}
