package dev.live.redis

import dev.live.server.broker.PresenceMember
import kotlinx.coroutines.channels.Channel

/**
 * A change of this node's members on [topic] that is being stored and published, one of a topic at a time.
 *
 * @property isRewrite whether other nodes must read all members
 * @property replaces whether [joins] are all members, and replace those that Redis stores
 * @property isEmpty whether no member is left
 */
internal class OwnChange(
    val topic: String,
    val previous: Long,
    val version: Long,
    val isRewrite: Boolean,
    val replaces: Boolean,
    val isEmpty: Boolean,
    val joins: Map<Long, PresenceMember>,
    val leaves: Map<Long, Boolean>,
)

/** This node's members by topic, and their changes that other nodes cannot see yet. Thread-safe. */
internal class OwnPresence {
    private class Entry(val topic: String) {
        val ids = HashMap<PresenceMember, Long>()

        /** Members that were not stored, and ids that were not removed. */
        val joined = LinkedHashMap<Long, PresenceMember>()
        val left = LinkedHashMap<Long, Boolean>()

        /** The version that other nodes have; 0 before the first one. */
        var version = 0L

        /** Whether Redis stores none of the members. */
        var isStoredEmpty = true
        var mustRewrite = false
        var isReady = false
        var isBusy = false
        var isWatched = true

        val hasChanged: Boolean get() = mustRewrite || joined.isNotEmpty() || left.isNotEmpty()
    }

    /** Wakes the coroutine that stores changes. */
    val wake = Channel<Unit>(Channel.CONFLATED)

    /** Guarded by this object, like the next fields and the state of each entry. */
    private val entries = HashMap<String, Entry>()
    private val ready = ArrayDeque<Entry>()
    private var lastId = 0L
    private var lastVersion = 0L

    fun join(topic: String, member: PresenceMember) {
        synchronized(this) {
            val entry = entries.getOrPut(topic) { Entry(topic) }
            entry.isWatched = true
            if (member in entry.ids) return
            entry.ids[member] = ++lastId
            entry.joined[lastId] = member
            makeReady(entry)
        }
        wake.trySend(Unit)
    }

    fun leave(topic: String, member: PresenceMember, isConnectionLost: Boolean) {
        synchronized(this) {
            val entry = entries[topic] ?: return
            val id = entry.ids.remove(member) ?: return
            // a member that was not stored leaves without a trace
            if (entry.joined.remove(id) == null) entry.left[id] = isConnectionLost
            makeReady(entry)
        }
        wake.trySend(Unit)
    }

    fun unwatch(topic: String) {
        synchronized(this) {
            val entry = entries[topic] ?: return
            entry.isWatched = false
            removeIfIdle(entry)
        }
    }

    /** The next change to store; null if there is none. [done] or [failed] must follow. */
    fun take(): OwnChange? =
        synchronized(this) {
            var change: OwnChange? = null
            while (change == null) {
                val entry = ready.removeFirstOrNull() ?: break
                entry.isReady = false
                if (entry.hasChanged) change = changeOf(entry) else removeIfIdle(entry)
            }
            change
        }

    private fun changeOf(entry: Entry): OwnChange {
        entry.isBusy = true
        val isRewrite = entry.mustRewrite
        val joins = LinkedHashMap<Long, PresenceMember>()
        val leaves = LinkedHashMap<Long, Boolean>()
        if (isRewrite) {
            for ((member, id) in entry.ids) joins[id] = member
            entry.joined.clear()
            entry.left.clear()
            entry.mustRewrite = false
        } else {
            entry.joined.moveTo(joins)
            entry.left.moveTo(leaves)
        }
        val isEmpty = entry.ids.isEmpty()
        val replaces = isRewrite || isEmpty || entry.isStoredEmpty
        return OwnChange(entry.topic, entry.version, ++lastVersion, isRewrite, replaces, isEmpty, joins, leaves)
    }

    private fun <V> MutableMap<Long, V>.moveTo(target: MutableMap<Long, V>) {
        val iterator = entries.iterator()
        while (iterator.hasNext() && target.size < MAX_CHANGES) {
            val (id, value) = iterator.next()
            target[id] = value
            iterator.remove()
        }
    }

    /** [change] was published. If it was not stored as well, the next heartbeat stores all members. */
    fun done(change: OwnChange, isStored: Boolean) {
        synchronized(this) {
            val entry = entries.getValue(change.topic)
            entry.isBusy = false
            entry.version = change.version
            entry.isStoredEmpty = change.isEmpty
            if (!isStored) entry.mustRewrite = true
            if (isStored && entry.hasChanged) makeReady(entry)
            removeIfIdle(entry)
        }
        wake.trySend(Unit)
    }

    /** Whether [change] was stored or published is unknown. The next heartbeat stores all members. */
    fun failed(change: OwnChange) {
        synchronized(this) {
            val entry = entries.getValue(change.topic)
            entry.isBusy = false
            entry.mustRewrite = true
        }
    }

    /** Redis has other members than before [change], so that all of them are stored at once. */
    fun outdated(change: OwnChange) {
        synchronized(this) {
            failed(change)
            makeReady(entries.getValue(change.topic))
        }
        wake.trySend(Unit)
    }

    /** The topics with stored members, and the versions that should be stored. */
    fun stored(): List<Pair<String, Long>> =
        synchronized(this) {
            entries.values.filter { it.isSettled && it.ids.isNotEmpty() }.map { it.topic to it.version }
        }

    /** The members of [topic] were not stored at [version], as they should be. */
    fun missing(topic: String, version: Long) {
        synchronized(this) {
            val entry = entries[topic] ?: return
            if (entry.isSettled && entry.version == version) entry.mustRewrite = true
        }
    }

    /** Stores again what has failed or is missing. */
    fun retry() {
        synchronized(this) {
            for (entry in entries.values) if (entry.mustRewrite) makeReady(entry)
        }
        wake.trySend(Unit)
    }

    private val Entry.isSettled: Boolean get() = !isBusy && !hasChanged

    private fun makeReady(entry: Entry) {
        if (entry.isReady || entry.isBusy) return
        entry.isReady = true
        ready += entry
    }

    private fun removeIfIdle(entry: Entry) {
        val isIdle = !entry.isWatched && !entry.isBusy && !entry.isReady && !entry.hasChanged && entry.ids.isEmpty()
        if (isIdle && entries[entry.topic] === entry) entries -= entry.topic
    }

    private companion object {
        /** Joins, and leaves, in one change: a message of at most about 300 KB. */
        const val MAX_CHANGES = 200
    }
}
