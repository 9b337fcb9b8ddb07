package dev.live.server.topic

import dev.live.server.broker.PresenceMember
import java.util.TreeSet
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
 * The members present on one topic on all nodes, and the changes that were not sent yet.
 *
 * A disconnected member stays for the grace period. A member that reconnects with the same key replaces it; with the
 * same info, nothing has changed.
 *
 * Only accessed by the topic's actor.
 */
internal class Presence(private val settings: PresenceSettings) {
    private val members = LinkedHashMap<String, ArrayList<PresenceMember>>()

    /** The end of a grace period; [order] keeps two with the same time apart. */
    private class GraceEnd(val member: PresenceMember, val time: Long, val order: Long)

    /** Disconnected members. */
    private val disconnected = HashMap<PresenceMember, GraceEnd>()

    /** Their grace periods, the one that ends first in front. */
    private val graceEnds = TreeSet(compareBy<GraceEnd>({ it.time }, { it.order }))
    private var graceCount = 0L
    private val joins = LinkedHashSet<PresenceMember>()
    private val leaves = LinkedHashSet<PresenceMember>()

    /** When changes were last sent, or null if never. */
    private var notifiedAt: Long? = null

    /** Number of members, including those in their grace period. Read by any thread. */
    @Volatile
    var count = 0
        private set

    /** Whether members are in their grace period. Read by any thread. */
    @Volatile
    var hasDisconnected = false
        private set

    private var bytes = 0L

    val isListed: Boolean get() = count <= settings.maxListed && bytes <= MAX_LISTED_BYTES

    val hasChanged: Boolean get() = joins.isNotEmpty() || leaves.isNotEmpty()

    fun join(member: PresenceMember) {
        val candidates = members[member.key].orEmpty().filter { it in disconnected }
        val previous = candidates.find { it.info == member.info } ?: candidates.firstOrNull()
        if (previous != null) endGrace(previous)
        if (previous != null && previous.info == member.info && previous !in joins) return replace(previous, member)
        if (previous != null) drop(previous)
        members.getOrPut(member.key) { ArrayList(1) } += member
        bytes += member.size
        count++
        joins += member
    }

    /**
     * @param isConnectionLost true if the member may reconnect within the grace period, false if it unsubscribed
     * @param lostFor how much of the grace period is over
     */
    fun leave(member: PresenceMember, isConnectionLost: Boolean, now: Long, lostFor: Duration = Duration.ZERO) {
        if (members[member.key]?.any { it === member } != true) return
        val grace = settings.grace - lostFor
        if (isConnectionLost && grace.isPositive()) {
            val end = GraceEnd(member, now + grace.inWholeMilliseconds, graceCount++)
            disconnected.put(member, end)?.let(graceEnds::remove)
            graceEnds += end
            hasDisconnected = true
        } else {
            endGrace(member)
            drop(member)
        }
    }

    /** Removes members whose grace period has ended. */
    fun expire(now: Long) {
        while (true) {
            val end = graceEnds.firstOrNull() ?: return
            if (end.time > now) return
            endGrace(end.member)
            drop(end.member)
        }
    }

    /** When the next step is due: sending changes or ending a grace period; null if there is none. */
    fun nextAt(now: Long, isAwaited: Boolean): Long? {
        val notifyAt = if (hasChanged || isAwaited) maxOf(now, (notifiedAt ?: now) + intervalFrom(notifiedAt)) else null
        return listOfNotNull(notifyAt, graceEnds.firstOrNull()?.time).minOrNull()
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
    fun <T> all(transform: (PresenceMember) -> T): Map<String, List<T>> =
        members.mapValues { (_, of) -> of.map(transform) }

    private fun intervalFrom(last: Long?) = if (last == null) 0 else settings.interval.inWholeMilliseconds

    private fun endGrace(member: PresenceMember) {
        graceEnds -= disconnected.remove(member) ?: return
        hasDisconnected = disconnected.isNotEmpty()
    }

    private fun replace(previous: PresenceMember, after: PresenceMember) {
        val devices = members.getValue(previous.key)
        devices[devices.indexOfFirst { it === previous }] = after
    }

    private fun drop(member: PresenceMember) {
        val devices = members.getValue(member.key)
        devices.removeAt(devices.indexOfFirst { it === member })
        if (devices.isEmpty()) members -= member.key
        bytes -= member.size
        count--
        if (!joins.remove(member)) leaves += member // the subscribers were never notified of this member
    }

    private fun Set<PresenceMember>.grouped(): Map<String, List<String>> = groupBy({ it.key }, { it.info })

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
