package dev.live.server.broker

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Position
import java.security.SecureRandom

/**
 * The newest publications of one topic, numbered from 1. A read after a position returns every later publication, or
 * reports that some were evicted; never a part of them.
 *
 * Not thread-safe: [LocalBroker] serializes the calls.
 *
 * @param now a monotonic clock in milliseconds
 */
internal class MemoryHistory(private val bounds: HistoryBounds, private val now: () -> Long) {
    private class Entry(val stored: StoredPublication, val time: Long, val size: Int)

    private val epoch: String = newEpoch()
    private val entries = ArrayDeque<Entry>()

    /** Whether this node has subscribed to the topic. Read by any thread, like [idleSince]. */
    @Volatile
    var isSubscribed = false

    /** Since when the topic has not been subscribed to, in the clock's milliseconds. */
    @Volatile
    var idleSince: Long = now()

    /** Stored payload bytes. Read by any thread. */
    @Volatile
    var bytes = 0L
        private set

    /** The position of the newest publication. */
    var position: Position = Position(epoch, 0)
        private set

    /** Approximate memory: payloads, with estimates for publications and the history itself. */
    val totalBytes: Long get() = bytes + entries.size * ENTRY_BYTES + HISTORY_BYTES

    /** Whether it is empty and was not used for as long as a message is kept: until then a client can recover. */
    val isOutdated: Boolean
        get() = !isSubscribed && entries.isEmpty() && now() - idleSince > bounds.age.inWholeMilliseconds

    /** Stores [publication] and returns its position. */
    fun append(publication: Publication): Position {
        val next = Position(epoch, position.offset + 1)
        val size = publication.body?.size ?: 0
        position = next
        entries.addLast(Entry(StoredPublication(publication, next), now(), size))
        bytes += size
        evict()
        return next
    }

    /**
     * Returns the publications after [since], or all of them.
     *
     * @throws BadPayloadException if [since] is beyond the newest publication
     */
    fun read(since: Position?): StoredHistory {
        evict()
        if (since?.epoch == epoch && since.offset > position.offset) {
            throw BadPayloadException(
                "offset must be at most ${position.offset}, the topic's newest, was ${since.offset}",
            )
        }
        val first = position.offset - entries.size
        val isComplete = since == null || (since.epoch == epoch && since.offset >= first)
        val skipped = if (since != null && isComplete) (since.offset - first).toInt() else 0
        return StoredHistory(position, List(entries.size - skipped) { entries[skipped + it].stored }, isComplete)
    }

    /** Removes the publications that exceed the bounds. */
    fun evict() {
        val time = now()
        while (entries.isNotEmpty()) {
            val oldest = entries.first()
            val isOld = time - oldest.time > bounds.age.inWholeMilliseconds
            if (!isOld && entries.size <= bounds.size && bytes <= bounds.bytes) return
            entries.removeFirst()
            bytes -= oldest.size
        }
    }

    private companion object {
        /** Estimate for an entry, a publication and its body: over a hundred bytes, and perhaps its own topic name. */
        const val ENTRY_BYTES = 256L
        const val HISTORY_BYTES = 1024

        private val random = SecureRandom()

        /** 64 random bits: histories of one topic on two nodes, or one after the other, must not be confused. */
        fun newEpoch(): String = random.nextLong().toULong().toString(radix = 36)
    }
}
