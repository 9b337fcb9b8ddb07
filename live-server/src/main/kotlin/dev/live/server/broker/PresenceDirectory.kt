package dev.live.server.broker

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * Shares the members of topics between all nodes of an application: the optional part of a [Broker] for presence.
 *
 * The server adds and removes the members of its own sessions. The directory reports those of all other nodes with
 * [BrokerSink.presence], and never those of its own node. It repeats a change until the other nodes can see it, also
 * after it has lost its data or its connection. If a node has crashed, the directory of each remaining node reports the
 * members of that node as lost.
 *
 * Every function may be called from any thread, and must not block it.
 */
public interface PresenceDirectory {
    /**
     * Starts to report the members of [topic] on other nodes. Returns after they have been delivered to the sink once;
     * those of a node that has just started may follow. Called after [Broker.subscribe], and again only after [unwatch]
     * or a failure. Cancelled if the topic is no longer used.
     */
    public suspend fun watch(topic: String)

    /** Ends the reports about [topic]. This node has no members on it then. Reports that are underway may follow. */
    public suspend fun unwatch(topic: String)

    /** Adds [member] of this node to [topic], for the other nodes. Fast. */
    public fun join(topic: String, member: PresenceMember)

    /**
     * Removes [member] of this node from [topic], for the other nodes. Fast. Without an effect if it was not added.
     *
     * @param isConnectionLost true if it may return within the grace period, to this node or to another one
     */
    public fun leave(topic: String, member: PresenceMember, isConnectionLost: Boolean)
}

/**
 * One session's presence on a topic. Compared by identity: two devices of one [key] may have the same [info].
 *
 * @property key the member key; sessions with the same key form one member, on all nodes
 * @property info compact, valid JSON
 */
public class PresenceMember(public val key: String, public val info: String) {
    /**
     * Approximate upper bound of its bytes in the list of all members: quotes and escapes rarely double the size of a
     * key.
     */
    internal val size: Int = 2 * utf8Bytes(key) + utf8Bytes(info) + PUNCTUATION

    /** [info], parsed once: the whole list is published again with every change. */
    internal val parsedInfo: JsonElement by lazy(LazyThreadSafetyMode.NONE) { Json.parseToJsonElement(info) }

    /** Without the key and the info, so that it is safe to log. */
    override fun toString(): String = "PresenceMember"
}

/**
 * Changes of a topic's members on other nodes since the last report. A member that leaves is the same object that has
 * joined before.
 *
 * @property joins members that were added
 * @property leaves members that have unsubscribed
 * @property lost members with a lost connection, or on a node that has crashed: they may return within the grace period
 * @property lostFor how much of the grace period of [lost] is over
 */
public class PresenceChange
    @JvmOverloads
    constructor(
        public val joins: List<PresenceMember>,
        public val leaves: List<PresenceMember>,
        public val lost: List<PresenceMember> = emptyList(),
        public val lostFor: Duration = Duration.ZERO,
    ) {
        override fun toString(): String =
            "PresenceChange(joins=${joins.size}, leaves=${leaves.size}, lost=${lost.size}, lostFor=$lostFor)"
    }

private fun utf8Bytes(text: String): Int = text.encodeToByteArray().size

private const val PUNCTUATION = 8
