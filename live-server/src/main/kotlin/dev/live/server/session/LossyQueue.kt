package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.DropCounters
import java.util.concurrent.atomic.AtomicBoolean

/**
 * What waits for one client of topics that may lose messages: for each key the newest, or the newest few of a topic.
 *
 * It takes whatever comes and never closes a session. An entry that is replaced keeps its place, so that a value that
 * changes all the time is written as often as others are; but not where the topic has a history. Its offsets must rise,
 * for a client takes what comes behind a higher one for something that it has.
 *
 * Any thread.
 *
 * @param maxBytes payload that may wait in all; the oldest entries make way
 */
internal class LossyQueue(private val maxBytes: Int) {
    /** One topic's part: what is counted together. */
    class Part(val drops: DropCounters) {
        /** Keys of what waits, oldest first, so that nobody looks through other topics' for one. Guarded by the queue. */
        val keys = LinkedHashSet<Any>()
    }

    private class Place(val part: Part, val key: Any) {
        override fun equals(other: Any?): Boolean = other is Place && part === other.part && key == other.key

        override fun hashCode(): Int = 31 * System.identityHashCode(part) + key.hashCode()
    }

    /** @property after how many frames of the other queue were to be taken before it: its topic's ack is among them */
    private class Entry(val frame: OutboundFrame, val after: Long)

    private val entries = LinkedHashMap<Place, Entry>()
    private var bytes = 0L

    /** Entries that wait. */
    val count: Int @Synchronized get() = entries.size

    /** Bytes that wait. */
    val size: Long @Synchronized get() = bytes

    /** Frames that the writer has taken from the other queue since there is this one. Written by the writer. */
    @Volatile
    private var taken = 0L

    /** Whether the writer has been told, and has not heard it yet. */
    private val isAnnounced = AtomicBoolean()

    /** Read without the lock by whoever looks whether there is something to do. */
    @Volatile
    var isEmpty = true
        private set

    /**
     * Puts [frame] in the place of what waits under [key] of [part], or behind all that waits.
     *
     * @param limit entries of [part] that may wait; the oldest makes way
     * @param isOrdered whether it goes behind all that waits in any case
     */
    fun put(part: Part, key: Any, frame: OutboundFrame, after: Long, limit: Int, isOrdered: Boolean = false) {
        val lost = replace(part, key, frame, after, limit, isOrdered)
        // not under the lock, which the writer needs: an observer is code of the application's
        if (lost != 0) part.drops.tell(conflated = lost % DROPPED, dropped = lost / DROPPED)
    }

    /** How many were dropped, times [DROPPED], and one more if one was replaced. */
    @Synchronized
    private fun replace(part: Part, key: Any, frame: OutboundFrame, after: Long, limit: Int, isOrdered: Boolean): Int {
        var lost = 0
        val place = Place(part, key)
        val before = if (isOrdered) take(place) else entries[place]
        if (before != null) {
            bytes -= before.frame.size
            part.drops.countConflated()
            lost++
        } else if (part.keys.size == limit) {
            lost += drop(Place(part, part.keys.first()))
        }
        part.keys += key
        entries[place] = Entry(frame, if (before == null || isOrdered) after else before.after)
        bytes += frame.size
        while (bytes > maxBytes && entries.size > 1) lost += drop(entries.keys.first { it != place })
        isEmpty = false
        return lost
    }

    /** Takes back what waits of [part]: it was left. */
    @Synchronized
    fun remove(part: Part) {
        for (key in part.keys) bytes -= checkNotNull(entries.remove(Place(part, key))).frame.size
        part.keys.clear()
        isEmpty = entries.isEmpty()
    }

    /** Drops everything. */
    @Synchronized
    fun clear() {
        for (place in entries.keys) place.part.keys.clear()
        entries.clear()
        bytes = 0
        isEmpty = true
    }

    /** The place behind all frames of the other queue, of which [waiting] says how many it has. */
    inline fun after(waiting: () -> Long): Long {
        while (true) {
            val before = taken
            val after = before + waiting()
            if (taken == before) return after // too many do no harm, for an empty queue is waited for by nobody
        }
    }

    /** The writer has taken [frames] of the other queue. */
    fun taken(frames: Long) {
        taken += frames
    }

    /** Whether whoever asks is to tell the writer. */
    fun announces(): Boolean = isAnnounced.compareAndSet(false, true)

    /** The writer has been told. */
    fun heard() = isAnnounced.set(false)

    /**
     * Fills [batch] from [from] on with what may be written by now; [isBehindAll]: the other queue has nothing.
     *
     * @return the end of what is filled
     */
    fun fill(batch: Array<OutboundFrame?>, from: Int, isBehindAll: Boolean): Int =
        if (isEmpty) from else fillFrom(batch, from, if (isBehindAll) Long.MAX_VALUE else taken)

    @Synchronized
    private fun fillFrom(batch: Array<OutboundFrame?>, from: Int, taken: Long): Int {
        var end = from
        var size = 0
        val waiting = entries.entries.iterator()
        while (end < batch.size && size < SessionQueue.MAX_BATCH_BYTES && waiting.hasNext()) {
            val (place, entry) = waiting.next()
            if (entry.after > taken) continue
            batch[end++] = entry.frame
            size += entry.frame.size
            bytes -= entry.frame.size
            place.part.keys -= place.key
            waiting.remove()
        }
        isEmpty = entries.isEmpty()
        return end
    }

    private fun drop(place: Place): Int {
        bytes -= checkNotNull(take(place)).frame.size
        place.part.drops.countDropped()
        return DROPPED
    }

    private fun take(place: Place): Entry? = entries.remove(place)?.also { place.part.keys -= place.key }

    private companion object {
        const val DROPPED = 2
    }
}
