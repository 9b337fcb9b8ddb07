package dev.live.server.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Message
import dev.live.protocol.Position
import java.security.SecureRandom
import kotlin.time.Duration

/** Bounds of a topic's history: [size] messages, [bytes] of payload in all, and the [age] of the oldest message. */
internal data class HistorySettings(val size: Int, val age: Duration, val bytes: Int)

/**
 * The newest messages of one topic, numbered from 1.
 *
 * A read after a position returns every later message, or reports that some were evicted; never a part of them.
 *
 * Only accessed by the topic's coroutine, unless noted otherwise.
 */
internal class History(private val settings: HistorySettings, private val now: () -> Long) {
    /** Identifies this history; see [Position]. Thread-safe. */
    val epoch: String = newEpoch()
    private val entries = ArrayDeque<Entry>()
    private var lastOffset = 0L

    /** Stored payload bytes. Read by any thread. */
    @Volatile
    var bytes = 0L
        private set

    /** Number of stored messages. Read by any thread. */
    @Volatile
    var count = 0
        private set

    /** When the oldest message was stored, in the server's milliseconds; null if empty. Read by any thread. */
    @Volatile
    private var oldestTime: Long? = null

    /** The position of the newest message. */
    val position: Position get() = Position(epoch, lastOffset)

    /** Whether no message is stored. Thread-safe. */
    val isEmpty: Boolean get() = oldestTime == null

    /**
     * Whether the history can be removed at [time], with the topic unused since [idleSince]. An empty history is kept
     * for as long as a message would be, so that a returning client can recover from it. Thread-safe.
     */
    fun isRemovable(idleSince: Long, time: Long): Boolean =
        isEmpty && time - idleSince > settings.age.inWholeMilliseconds

    /** Whether the oldest message exceeds the maximum age at [time]. Thread-safe. */
    fun hasExpired(time: Long): Boolean = oldestTime?.let { time - it > settings.age.inWholeMilliseconds } == true

    /**
     * Stores [message] and returns it with its offset.
     *
     * @param key conflation key; null without one
     */
    fun append(message: Message, key: String? = null): Message {
        val offset = ++lastOffset
        val stored = Message(message.type, message.topic, message.ref, message.body, offset, message.trace)
        val size = message.body?.size ?: 0
        entries.addLast(Entry(stored, key, now(), size))
        bytes += size
        evict()
        return stored
    }

    /**
     * Returns all messages after [position], oldest first; null if some of them were evicted.
     *
     * @throws BadPayloadException if [position] is after the newest message
     */
    fun since(position: Position): List<Entry>? {
        if (position.epoch != epoch) return null
        if (position.offset > lastOffset) {
            throw BadPayloadException("offset must be at most $lastOffset, the topic's newest, was ${position.offset}")
        }
        evict()
        val missing = lastOffset - position.offset
        if (missing > entries.size) return null
        return entries.subList(entries.size - missing.toInt(), entries.size).toList()
    }

    /** Returns all stored messages, oldest first. */
    fun all(): List<Entry> {
        evict()
        return entries.toList()
    }

    /** Removes entries that exceed the bounds. */
    fun evict() {
        val time = now()
        while (entries.isNotEmpty()) {
            val first = entries.first()
            val isOld = time - first.time > settings.age.inWholeMilliseconds
            if (!isOld && entries.size <= settings.size && bytes <= settings.bytes) break
            entries.removeFirst()
            bytes -= first.size
        }
        count = entries.size
        oldestTime = entries.firstOrNull()?.time
    }

    class Entry(val message: Message, val key: String?, val time: Long, val size: Int)

    private companion object {
        private val random = SecureRandom()

        /** 64 random bits: histories of one topic on two nodes, or one after the other, must not be confused. */
        fun newEpoch(): String = random.nextLong().toULong().toString(radix = 36)
    }
}
