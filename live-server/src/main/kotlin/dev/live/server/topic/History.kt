package dev.live.server.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Message
import dev.live.protocol.Position
import java.security.SecureRandom
import kotlin.time.Duration

/** What a topic keeps: at most [size] messages, with at most [bytes] of payload in all, none of them older than [age]. */
internal data class HistorySettings(val size: Int, val age: Duration, val bytes: Int)

/**
 * The newest messages of one topic, numbered from 1.
 *
 * Whoever asks for what came after a place gets all of it or is told that it is gone, and never a part.
 *
 * Only accessed by the topic's fan-out coroutine, but for what is said to be otherwise.
 */
internal class History(private val settings: HistorySettings, private val now: () -> Long) {
    /** Names this history: see [Position]. Any thread. */
    val epoch: String = newEpoch()
    private val entries = ArrayDeque<Entry>()
    private var last = 0L

    /** Payload that is kept. Read by any thread. */
    @Volatile
    var bytes = 0L
        private set

    /** Messages that are kept. Read by any thread. */
    @Volatile
    var count = 0
        private set

    /** When the oldest message came, in the server's milliseconds; null while there is none. Read by any thread. */
    @Volatile
    private var oldest: Long? = null

    /** The newest message's place. */
    val position: Position get() = Position(epoch, last)

    /** Whether there is nothing that somebody could ask for. Any thread. */
    val isEmpty: Boolean get() = oldest == null

    /**
     * Whether nobody can ask for anything at [time] if nobody has used the topic since [idleSince]. An empty history is
     * kept for as long as a message would be: who comes back to it has missed nothing, and is to hear that. Any thread.
     */
    fun isForgettable(idleSince: Long, time: Long): Boolean =
        isEmpty && time - idleSince > settings.age.inWholeMilliseconds

    /** Whether a message has become older than it may, at [time]. Any thread. */
    fun isOutdated(time: Long): Boolean = oldest?.let { time - it > settings.age.inWholeMilliseconds } == true

    /**
     * Keeps [message], with the offset that is its place from now on.
     *
     * @param key what it replaces others by, where a message may
     */
    fun append(message: Message, key: String? = null): Message {
        val placed = Message(message.type, message.topic, message.ref, message.body, offset = ++last, message.trace)
        val size = message.body?.size ?: 0
        entries.addLast(Entry(placed, key, now(), size))
        bytes += size
        evict()
        return placed
    }

    /**
     * All that came after [position], oldest first; null if not all of it is here any more.
     *
     * @throws BadPayloadException if [position] is one that nobody can have
     */
    fun since(position: Position): List<Entry>? {
        if (position.epoch != epoch) return null
        if (position.offset > last) {
            throw BadPayloadException("offset must be at most $last, the topic's newest, was ${position.offset}")
        }
        evict()
        val missing = (last - position.offset).toInt().takeIf { last - position.offset <= entries.size } ?: return null
        return entries.subList(entries.size - missing, entries.size).toList()
    }

    /** All that is here, oldest first. */
    fun all(): List<Entry> {
        evict()
        return entries.toList()
    }

    /** Lets go of what is too much or too old. */
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
        oldest = entries.firstOrNull()?.time
    }

    class Entry(val message: Message, val key: String?, val time: Long, val size: Int)

    private companion object {
        private val random = SecureRandom()

        /** 64 random bits: two histories of one name, one after the other or on two nodes, must not be taken for one. */
        fun newEpoch(): String = random.nextLong().toULong().toString(radix = 36)
    }
}
