package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.DropCounters
import java.util.concurrent.atomic.AtomicBoolean

/**
 * The queued messages of one client for lossy topics: the newest message of each key, or the newest messages up to a
 * limit.
 *
 * It accepts every message and never closes a session. A replacement keeps the position of the old entry, so that a
 * frequently updated key is written as often as others. In topics with a history it moves to the end instead: offsets
 * must increase, because a client ignores a message with an offset below the last one.
 *
 * Every function may be called from any thread.
 *
 * @param maxBytes bound of all waiting payloads; the oldest entries are dropped
 */
internal class LossyQueue(private val maxBytes: Int) {
    /** The entries of one topic, with its drop counters. */
    class TopicEntries(val drops: DropCounters) {
        /**
         * Keys of the waiting entries, oldest first, to find one without scanning other topics. Guarded by the queue's
         * lock.
         */
        val keys = LinkedHashSet<Any>()
    }

    private class EntryKey(val topic: TopicEntries, val key: Any) {
        override fun equals(other: Any?): Boolean = other is EntryKey && topic === other.topic && key == other.key

        override fun hashCode(): Int = 31 * System.identityHashCode(topic) + key.hashCode()
    }

    /**
     * @property barrier number of frames that the writer must take from the session queue before this one; they include
     *   the topic's ack
     */
    private class Entry(val frame: OutboundFrame, val barrier: Long)

    private val entries = LinkedHashMap<EntryKey, Entry>()
    private var bytes = 0L

    /** Number of waiting entries. */
    val count: Int @Synchronized get() = entries.size

    /** Number of waiting bytes. */
    val size: Long @Synchronized get() = bytes

    /** Frames that the writer has taken from the session queue since this queue exists. Written by the writer. */
    @Volatile
    private var taken = 0L

    /** Whether the writer was signaled and has not received the signal yet. */
    private val isSignaled = AtomicBoolean()

    /** Read without the lock, to check whether there is work. */
    @Volatile
    var isEmpty = true
        private set

    /**
     * Stores [frame] under [key] of [topic]: replaces the waiting entry with that key, or appends it.
     *
     * @param limit maximum number of waiting entries of [topic]; the oldest is dropped
     * @param isOrdered whether a replacement moves to the end
     */
    fun put(
        topic: TopicEntries,
        key: Any,
        frame: OutboundFrame,
        barrier: Long,
        limit: Int,
        isOrdered: Boolean = false,
    ) {
        val lost = replace(topic, key, frame, barrier, limit, isOrdered)
        // not under the lock, which the writer needs: observers are application code
        if (lost != 0) topic.drops.report(conflated = lost % DROPPED, dropped = lost / DROPPED)
    }

    /** Returns the number of dropped entries times [DROPPED], plus one if an entry was replaced. */
    @Synchronized
    private fun replace(
        topic: TopicEntries,
        key: Any,
        frame: OutboundFrame,
        barrier: Long,
        limit: Int,
        isOrdered: Boolean,
    ): Int {
        var lost = 0
        val entryKey = EntryKey(topic, key)
        val before = if (isOrdered) take(entryKey) else entries[entryKey]
        if (before != null) {
            bytes -= before.frame.size
            topic.drops.countConflated()
            lost++
        } else if (topic.keys.size == limit) {
            lost += drop(EntryKey(topic, topic.keys.first()))
        }
        topic.keys += key
        entries[entryKey] = Entry(frame, if (before == null || isOrdered) barrier else before.barrier)
        bytes += frame.size
        while (bytes > maxBytes && entries.size > 1) lost += drop(entries.keys.first { it != entryKey })
        isEmpty = false
        return lost
    }

    /** Discards the entries of [topic], after it was unsubscribed. */
    @Synchronized
    fun remove(topic: TopicEntries) {
        for (key in topic.keys) bytes -= checkNotNull(entries.remove(EntryKey(topic, key))).frame.size
        topic.keys.clear()
        isEmpty = entries.isEmpty()
    }

    /** Discards everything. */
    @Synchronized
    fun clear() {
        for (entryKey in entries.keys) entryKey.topic.keys.clear()
        entries.clear()
        bytes = 0
        isEmpty = true
    }

    /** The barrier after all frames of the session queue, which holds [waiting] frames. */
    inline fun barrierAfter(waiting: () -> Long): Long {
        while (true) {
            val before = taken
            val barrier = before + waiting()
            // too high a barrier is harmless: it is ignored once the session queue is empty
            if (taken == before) return barrier
        }
    }

    /** The writer has taken [frames] frames from the session queue. */
    fun onTaken(frames: Long) {
        taken += frames
    }

    /** Returns whether the caller has to signal the writer. */
    fun markSignaled(): Boolean = isSignaled.compareAndSet(false, true)

    /** The writer has received the signal. */
    fun clearSignal() = isSignaled.set(false)

    /**
     * Fills [batch], starting at index [from], with the entries that may be written now.
     *
     * @param isChannelEmpty whether the session queue is empty
     * @return the end index of the filled part
     */
    fun fill(batch: Array<OutboundFrame?>, from: Int, isChannelEmpty: Boolean): Int =
        if (isEmpty) from else fillFrom(batch, from, if (isChannelEmpty) Long.MAX_VALUE else taken)

    @Synchronized
    private fun fillFrom(batch: Array<OutboundFrame?>, from: Int, taken: Long): Int {
        var end = from
        var size = 0
        val waiting = entries.entries.iterator()
        while (end < batch.size && size < SessionQueue.MAX_BATCH_BYTES && waiting.hasNext()) {
            val (entryKey, entry) = waiting.next()
            if (entry.barrier > taken) continue
            batch[end++] = entry.frame
            size += entry.frame.size
            bytes -= entry.frame.size
            entryKey.topic.keys -= entryKey.key
            waiting.remove()
        }
        isEmpty = entries.isEmpty()
        return end
    }

    private fun drop(entryKey: EntryKey): Int {
        bytes -= checkNotNull(take(entryKey)).frame.size
        entryKey.topic.drops.countDropped()
        return DROPPED
    }

    private fun take(entryKey: EntryKey): Entry? =
        entries.remove(entryKey)?.also { entryKey.topic.keys -= entryKey.key }

    private companion object {
        const val DROPPED = 2
    }
}
