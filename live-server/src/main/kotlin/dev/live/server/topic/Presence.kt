package dev.live.server.topic

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * Who is on a topic is told to its subscribers.
 *
 * @property grace how long a member whose connection is gone counts as there
 * @property interval the least time between two tellings
 * @property maxListed members above which only their number is told
 */
internal data class PresenceSettings(val grace: Duration, val interval: Duration, val maxListed: Int)

/**
 * One session's presence on a topic. Compared by identity: two devices of one [key] may say the same.
 *
 * @property info compact JSON
 */
internal class Member(val key: String, val info: String) {
    /** Bytes that it takes in the list of everybody, at most: the quotes and escapes of a key are rarely more than it. */
    val size: Int = 2 * utf8Bytes(key) + utf8Bytes(info) + PUNCTUATION

    /** [info], read once: the whole of a topic's presence is shown again whenever one comes or goes. */
    val shown: JsonElement by lazy(LazyThreadSafetyMode.NONE) { Json.parseToJsonElement(info) }
}

/**
 * Who is on one topic, and what of it has not been told yet.
 *
 * A member whose connection is gone stays for the grace; one that comes back under the same key takes its place, and if
 * it says the same about itself, nothing has happened.
 *
 * Only accessed by the topic's fan-out coroutine.
 */
internal class Presence(private val settings: PresenceSettings) {
    private val members = LinkedHashMap<String, ArrayList<Member>>()

    /** Whose connection is gone, and when their grace ends. In the order in which they went, which is that of the ends. */
    private val leaving = LinkedHashMap<Member, Long>()
    private val joins = LinkedHashSet<Member>()
    private val leaves = LinkedHashSet<Member>()

    /** When the last change was told, or null if none was. */
    private var toldAt: Long? = null

    /** Members, those in their grace too. Read by any thread. */
    @Volatile
    var count = 0
        private set

    private var bytes = 0L

    val isListed: Boolean get() = count <= settings.maxListed && bytes <= MAX_LISTED_BYTES

    val hasChanged: Boolean get() = joins.isNotEmpty() || leaves.isNotEmpty()

    fun join(member: Member) {
        val gone = members[member.key].orEmpty().filter { it in leaving }
        val before = gone.find { it.info == member.info } ?: gone.firstOrNull()
        if (before != null) leaving -= before
        if (before != null && before.info == member.info && before !in joins) return replace(before, member)
        if (before != null) drop(before)
        members.getOrPut(member.key) { ArrayList(1) } += member
        bytes += member.size
        count++
        joins += member
    }

    /** [isGone]: its connection is, and it may come back; otherwise it has said that it leaves. */
    fun leave(member: Member, isGone: Boolean, now: Long) {
        if (members[member.key]?.any { it === member } != true) return
        if (isGone && settings.grace.isPositive()) {
            leaving[member] = now + settings.grace.inWholeMilliseconds
        } else {
            drop(member)
        }
    }

    /** Ends the grace of those whose time has come. */
    fun expire(now: Long) {
        while (true) {
            val (member, due) = leaving.entries.firstOrNull() ?: return
            if (due > now) return
            leaving -= member
            drop(member)
        }
    }

    /** When there is something to do next: to tell what has changed, or to end a grace; null if there is nothing. */
    fun nextAt(now: Long, isAwaited: Boolean): Long? {
        val telling = if (hasChanged || isAwaited) maxOf(now, (toldAt ?: now) + intervalFrom(toldAt)) else null
        val grace = leaving.values.firstOrNull()
        return listOfNotNull(telling, grace).minOrNull()
    }

    /** Whether what has changed may be told at [now]. */
    fun mayTell(now: Long): Boolean = toldAt.let { it == null || now - it >= settings.interval.inWholeMilliseconds }

    /** What has changed since this was last asked for. */
    fun told(now: Long): Change {
        toldAt = now
        val change = Change(joins.grouped(), leaves.grouped())
        joins.clear()
        leaves.clear()
        return change
    }

    /** Everybody, as told: [what] of each. */
    fun <T> all(what: (Member) -> T): Map<String, List<T>> = members.mapValues { (_, of) -> of.map(what) }

    private fun intervalFrom(last: Long?) = if (last == null) 0 else settings.interval.inWholeMilliseconds

    private fun replace(before: Member, after: Member) {
        val devices = members.getValue(before.key)
        devices[devices.indexOfFirst { it === before }] = after
    }

    private fun drop(member: Member) {
        val devices = members.getValue(member.key)
        devices.removeAt(devices.indexOfFirst { it === member })
        if (devices.isEmpty()) members -= member.key
        bytes -= member.size
        count--
        if (!joins.remove(member)) leaves += member // who was never told of need not be taken back
    }

    private fun Set<Member>.grouped(): Map<String, List<String>> = groupBy({ it.key }, { it.info })

    companion object {
        /**
         * Bytes of the longest list: an eighth of a queue's default bound and of what our clients take as one message. More
         * would be a topic that a slow client cannot enter.
         */
        const val MAX_LISTED_BYTES = 128 * 1024
    }

    /** What is different since the last telling: what each key has more, and what it has less. */
    class Change(val joins: Map<String, List<String>>, val leaves: Map<String, List<String>>)
}

private fun utf8Bytes(text: String): Int = text.encodeToByteArray().size

private const val PUNCTUATION = 8
