package dev.live.server.topic

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * Settings of a topic that sends presence to its subscribers.
 *
 * @property grace how long a disconnected member stays present
 * @property interval minimum time between two presence messages
 * @property maxListed number of members above which only the count is sent
 */
internal data class PresenceSettings(val grace: Duration, val interval: Duration, val maxListed: Int)

/**
 * One session's presence on a topic. Compared by identity: two devices of one [key] may have the same [info].
 *
 * @property info compact JSON
 */
internal class Member(val key: String, val info: String) {
    /**
     * Approximate upper bound of its bytes in the list of all members: quotes and escapes rarely double the size of a
     * key.
     */
    val size: Int = 2 * utf8Bytes(key) + utf8Bytes(info) + PUNCTUATION

    /** [info], parsed once: the whole list is published again with every change. */
    val parsedInfo: JsonElement by lazy(LazyThreadSafetyMode.NONE) { Json.parseToJsonElement(info) }
}

/**
 * The members present on one topic, and the changes that were not sent yet.
 *
 * A disconnected member stays for the grace period. A member that reconnects with the same key replaces it; with the
 * same info, nothing has changed.
 *
 * Only accessed by the topic's actor.
 */
internal class Presence(private val settings: PresenceSettings) {
    private val members = LinkedHashMap<String, ArrayList<Member>>()

    /**
     * Disconnected members and when their grace period ends, in the order of disconnection, which is also the order of
     * the end times.
     */
    private val disconnectedUntil = LinkedHashMap<Member, Long>()
    private val joins = LinkedHashSet<Member>()
    private val leaves = LinkedHashSet<Member>()

    /** When changes were last sent, or null if never. */
    private var notifiedAt: Long? = null

    /** Number of members, including those in their grace period. Read by any thread. */
    @Volatile
    var count = 0
        private set

    private var bytes = 0L

    val isListed: Boolean get() = count <= settings.maxListed && bytes <= MAX_LISTED_BYTES

    val hasChanged: Boolean get() = joins.isNotEmpty() || leaves.isNotEmpty()

    fun join(member: Member) {
        val disconnected = members[member.key].orEmpty().filter { it in disconnectedUntil }
        val previous = disconnected.find { it.info == member.info } ?: disconnected.firstOrNull()
        if (previous != null) disconnectedUntil -= previous
        if (previous != null && previous.info == member.info && previous !in joins) return replace(previous, member)
        if (previous != null) drop(previous)
        members.getOrPut(member.key) { ArrayList(1) } += member
        bytes += member.size
        count++
        joins += member
    }

    /** @param isConnectionLost true if the member may reconnect within the grace period, false if it unsubscribed */
    fun leave(member: Member, isConnectionLost: Boolean, now: Long) {
        if (members[member.key]?.any { it === member } != true) return
        if (isConnectionLost && settings.grace.isPositive()) {
            disconnectedUntil[member] = now + settings.grace.inWholeMilliseconds
        } else {
            drop(member)
        }
    }

    /** Removes members whose grace period has ended. */
    fun expire(now: Long) {
        while (true) {
            val (member, due) = disconnectedUntil.entries.firstOrNull() ?: return
            if (due > now) return
            disconnectedUntil -= member
            drop(member)
        }
    }

    /** When the next step is due: sending changes or ending a grace period; null if there is none. */
    fun nextAt(now: Long, isAwaited: Boolean): Long? {
        val notifyAt = if (hasChanged || isAwaited) maxOf(now, (notifiedAt ?: now) + intervalFrom(notifiedAt)) else null
        val grace = disconnectedUntil.values.firstOrNull()
        return listOfNotNull(notifyAt, grace).minOrNull()
    }

    /** Whether changes may be sent at [now]. */
    fun canNotify(now: Long): Boolean =
        notifiedAt.let { it == null || now - it >= settings.interval.inWholeMilliseconds }

    /** Returns the changes since the last call. */
    fun takeChanges(now: Long): Changes {
        notifiedAt = now
        val changes = Changes(joins.grouped(), leaves.grouped())
        joins.clear()
        leaves.clear()
        return changes
    }

    /** All members by key, each converted by [transform]. */
    fun <T> all(transform: (Member) -> T): Map<String, List<T>> = members.mapValues { (_, of) -> of.map(transform) }

    private fun intervalFrom(last: Long?) = if (last == null) 0 else settings.interval.inWholeMilliseconds

    private fun replace(previous: Member, after: Member) {
        val devices = members.getValue(previous.key)
        devices[devices.indexOfFirst { it === previous }] = after
    }

    private fun drop(member: Member) {
        val devices = members.getValue(member.key)
        devices.removeAt(devices.indexOfFirst { it === member })
        if (devices.isEmpty()) members -= member.key
        bytes -= member.size
        count--
        if (!joins.remove(member)) leaves += member // the subscribers were never notified of this member
    }

    private fun Set<Member>.grouped(): Map<String, List<String>> = groupBy({ it.key }, { it.info })

    companion object {
        /**
         * Maximum bytes of a list: an eighth of the default bound of a queue and of the message size that live clients
         * accept. A slow client could not subscribe to a topic with a longer list.
         */
        const val MAX_LISTED_BYTES = 128 * 1024
    }

    /** The members added and removed since the last notification, by key. */
    class Changes(val joins: Map<String, List<String>>, val leaves: Map<String, List<String>>)
}

private fun utf8Bytes(text: String): Int = text.encodeToByteArray().size

private const val PUNCTUATION = 8
