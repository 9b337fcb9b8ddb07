package dev.live.server.topic

import dev.live.protocol.Position

/**
 * Restores the order of a topic's publications, which a broker may deliver in another order, twice, or not at all.
 *
 * Publications after a hole are held until it is filled, at most [maxHeld]; further ones are dropped, and have to be
 * read from the history.
 *
 * Only accessed by the topic's actor, except for [position].
 */
internal class PublicationOrder(private val maxHeld: Int = MAX_HELD) {
    private val held = HashMap<Position, PreparedMessage>()

    /** Epochs that have ended: a publication of one is late. */
    private val endedEpochs = ArrayDeque<String>()

    /** The newest publication that was dropped for lack of space; null if none. */
    private var newestDropped: Position? = null

    /** The position of the newest accepted publication; null before the first one. Read by any thread. */
    @Volatile
    var position: Position? = null
        private set

    /** Whether publications are missing before one that has arrived. */
    val hasHole: Boolean get() = held.isNotEmpty() || hasDropped

    /** Whether publications were dropped for lack of space, and have not been accepted since. */
    val hasDropped: Boolean get() = newestDropped?.let { !isPast(it) } == true

    /** The epochs other than the current one from which publications have arrived. */
    val foreignEpochs: Set<String>
        get() {
            if (held.isEmpty() && newestDropped == null) return emptySet()
            val epochs = held.keys.mapTo(HashSet()) { it.epoch }
            newestDropped?.let { epochs += it.epoch }
            position?.let { epochs -= it.epoch }
            return epochs
        }

    /** Returns true if [message] is the next publication. If not, it is held, or dropped as a duplicate. */
    fun accept(message: PreparedMessage): Boolean {
        val next = message.position ?: return true
        val current = position
        if (current == null || (next.epoch == current.epoch && next.offset == current.offset + 1)) {
            position = next
            return true
        }
        if (isPast(next)) return false
        if (held.size < maxHeld) {
            held[next] = message
        } else {
            newestDropped = newestDropped?.takeIf { it.epoch == next.epoch && it.offset > next.offset } ?: next
        }
        return false
    }

    /** Returns the next publication if it is held, and accepts it. */
    fun acceptHeld(): PreparedMessage? {
        if (held.isEmpty()) return null
        val current = position ?: return null
        val next = held.remove(Position(current.epoch, current.offset + 1)) ?: return null
        position = next.position
        return next
    }

    /** Continues after [next], although publications may be missing before it. */
    fun skipTo(next: Position) {
        val current = position
        if (current != null && current.epoch != next.epoch) end(current.epoch)
        position = next
        dropPast()
    }

    /** The [epochs] have ended: the history, read after their publications had arrived, is still in the current one. */
    fun end(epochs: Set<String>) {
        for (epoch in epochs) if (epoch != position?.epoch) end(epoch)
        dropPast()
    }

    private fun end(epoch: String) {
        if (epoch in endedEpochs) return
        if (endedEpochs.size == MAX_EPOCHS) endedEpochs.removeFirst()
        endedEpochs += epoch
    }

    /** Drops held publications that were accepted in the meantime, such as from the history. */
    private fun dropPast() {
        held.keys.removeAll(::isPast)
    }

    /** Whether the publication at [other] was delivered, or belongs to an ended epoch. */
    private fun isPast(other: Position): Boolean {
        val current = position ?: return false
        return if (other.epoch == current.epoch) other.offset <= current.offset else other.epoch in endedEpochs
    }

    companion object {
        /** Maximum number of held publications. */
        const val MAX_HELD = 256
        private const val MAX_EPOCHS = 16
    }
}
