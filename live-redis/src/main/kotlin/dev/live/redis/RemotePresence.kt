package dev.live.redis

import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceMember
import kotlin.time.Duration

/** One node's members on a topic. */
internal data class NodeTopic(val topic: String, val node: String)

/** The members of a node on a topic, as stored in Redis. */
internal class StoredMembers(val version: Long, val members: Map<Long, PresenceMember>)

/**
 * This node's copy of the members of other nodes, for the topics that it watches. Their leaves come from this copy:
 * Redis does not report the members of a node that has crashed.
 *
 * Not thread-safe.
 */
internal class RemotePresence {
    private class Copy {
        var version = 0L
        val members = LinkedHashMap<Long, PresenceMember>()

        /** Rounds in which Redis did not store the members, or their node had no heartbeat. */
        var missing = 0
    }

    private val topics = HashMap<String, HashMap<String, Copy>>()

    val watched: Set<String> get() = topics.keys

    /** The nodes with members on [topic], or that had some. */
    fun nodesOf(topic: String): Set<String> = topics[topic]?.keys.orEmpty()

    fun watch(topic: String) {
        topics.getOrPut(topic) { HashMap() }
    }

    fun unwatch(topic: String) {
        topics -= topic
    }

    /** The change that [message] of another node makes; null if the members must be read instead. */
    fun apply(at: NodeTopic, message: PresenceMessage): PresenceChange? {
        val copies = topics[at.topic] ?: return NONE
        val copy = copies.getOrPut(at.node) { Copy() }
        if (message.version <= copy.version) return NONE // a duplicate, or read already
        if (message.isReload || message.previous != copy.version) return null
        copy.version = message.version
        copy.missing = 0
        val left = message.leaves.mapNotNull { (id, isLost) -> copy.members.remove(id)?.let { it to isLost } }
        // a member may have been read together with an older version
        val joins = message.joins.filterKeys { it !in copy.members }
        copy.members += joins
        return PresenceChange(joins.values.toList(), left.filter { !it.second }.map { it.first }, left.lost())
    }

    private fun List<Pair<PresenceMember, Boolean>>.lost() = filter { it.second }.map { it.first }

    /**
     * The change after the members were read: [stored] is null if Redis does not store them. They are kept then, for as
     * long as their node may need to store them again.
     */
    fun read(at: NodeTopic, stored: StoredMembers?): PresenceChange {
        val copies = topics[at.topic] ?: return NONE
        val copy = copies[at.node] ?: if (stored == null) return NONE else Copy().also { copies[at.node] = it }
        if (stored == null) {
            if (copy.members.isNotEmpty()) copy.missing = maxOf(copy.missing, 1)
            return NONE
        }
        if (stored.version < copy.version) return NONE // an older state of Redis; its node stores the newest again
        copy.version = stored.version
        copy.missing = 0
        val lost = copy.members.filterKeys { it !in stored.members }
        val joins = stored.members.filterKeys { it !in copy.members }
        copy.members -= lost.keys
        copy.members += joins
        return PresenceChange(joins.values.toList(), emptyList(), lost.values.toList())
    }

    /**
     * One round: returns the members that Redis did not store, to read them again, and gives up those that are missing
     * for too long.
     *
     * @param alive nodes with a heartbeat
     */
    fun round(alive: Set<String>, onLost: (String, PresenceChange) -> Unit): List<NodeTopic> {
        val again = ArrayList<NodeTopic>()
        for ((topic, copies) in topics) {
            for ((node, copy) in copies) {
                val isUnknown = node !in alive && copy.members.isNotEmpty()
                if (copy.missing == 0 && !isUnknown) continue
                if (++copy.missing <= MAX_MISSING) {
                    if (!isUnknown) again += NodeTopic(topic, node)
                    continue
                }
                copy.missing = 0
                onLost(topic, PresenceChange(emptyList(), emptyList(), copy.members.values.toList()))
                copy.members.clear()
            }
        }
        return again
    }

    /** [node] has crashed, [lostFor] ago. Returns the changes by topic. */
    fun lost(node: String, lostFor: Duration): List<Pair<String, PresenceChange>> =
        topics.mapNotNull { (topic, copies) ->
            val members = copies.remove(node)?.members?.values.orEmpty()
            if (members.isEmpty()) return@mapNotNull null
            topic to PresenceChange(emptyList(), emptyList(), members.toList(), lostFor)
        }

    companion object {
        val NONE = PresenceChange(emptyList(), emptyList())

        /** Rounds after which a node would have stored its members again. */
        private const val MAX_MISSING = 3
    }
}
