package dev.live.redis

import dev.live.server.broker.PresenceMember
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.future.await
import java.util.concurrent.CompletionStage
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/** How long Redis keeps the members and the heartbeat of a node that has ended. */
internal val PRESENCE_EXPIRY: Duration = 1.minutes

/** The presence in Redis. Every call waits for a connection, and fails if that is lost. */
internal class PresenceStore(
    private val connection: StateFlow<Commands?>,
    private val keys: RedisKeys,
    private val node: String,
) {
    private val invalid = RateLimitedLog()

    /**
     * Stores [change], in one step if it has few members. Returns false if Redis does not have the members that it
     * changes.
     */
    suspend fun write(change: OwnChange): Boolean {
        val key = arrayOf(keys.presence(change.topic, node))
        val chunks = change.joins.entries.chunked(MAX_MEMBERS).ifEmpty { listOf(emptyList()) }
        val replies = call { connection ->
            chunks.mapIndexed { index, members ->
                val leaves = if (index == 0) change.leaves.keys else emptySet()
                val replaces = index == 0 && change.replaces
                // without members nothing is stored
                val version = if (index == chunks.lastIndex && !change.isEmpty) "${change.version}" else ""
                val args = ArrayList<ByteArray>()
                args += arg(PRESENCE_EXPIRY.inWholeMilliseconds)
                args += arg(if (replaces) "1" else "")
                args += arg(if (change.replaces) "" else "${change.previous}")
                args += arg(version)
                args += arg(leaves.size.toLong())
                leaves.mapTo(args, ::arg)
                for ((id, member) in members) {
                    args += arg(id)
                    args += PresenceMessage.encodeMember(member)
                }
                RedisScript.Presence.call(connection, key, args.toTypedArray())
            }
        }
        return replies.all { it[0].long() == 1L }
    }

    /** The members of each of [at]; null if Redis does not store them. */
    suspend fun read(at: List<NodeTopic>): List<StoredMembers?> =
        call { connection -> at.map { connection.async().hgetall(keys.presence(it.topic, it.node)) } }.map(::members)

    private fun members(fields: Map<ByteArray, ByteArray>): StoredMembers? {
        var version: Long? = null
        val members = LinkedHashMap<Long, PresenceMember>()
        for ((field, value) in fields) {
            val name = field.decodeToString()
            if (name == "version") {
                version = value.decodeToString().toLongOrNull()
            } else {
                val id = name.toLongOrNull()
                val member = PresenceMessage.decodeMember(value)
                if (id != null && member != null) members[id] = member else reportInvalid()
            }
        }
        return version?.let { StoredMembers(it, members) } // without a version, more of it follows
    }

    fun reportInvalid() {
        invalid.warn {
            "The presence of a topic is not from this version of live ($it so far). Do other programs write to the " +
                "keys of this namespace?"
        }
    }

    /** The heartbeats of all nodes, and whether that of this node was stored: Redis may be out of memory. */
    class Beats(val byNode: Map<String, String>, val isStored: Boolean)

    /** Stores the heartbeat of this node, and returns those of all nodes. */
    suspend fun beat(value: String): Beats {
        var isStored = true
        val beats =
            call { connection ->
                val commands = connection.async()
                val beat = commands.hset(keys.nodes, arg(node), arg(value)).handle { _, failure -> failure == null }
                commands.pexpire(keys.nodes, PRESENCE_EXPIRY.inWholeMilliseconds)
                val all = commands.hgetall(keys.nodes)
                listOf(beat.thenCombine(all) { stored, beats -> beats.also { isStored = stored } })
            }.single()
        val byNode = beats.entries.associate { (other, beat) -> other.decodeToString() to beat.decodeToString() }
        return Beats(byNode, isStored)
    }

    /** Removes the heartbeats of [lost] nodes. */
    suspend fun forget(lost: Set<String>) {
        call { connection ->
            listOf(connection.async().hdel(keys.nodes, *Array(lost.size) { arg(lost.elementAt(it)) }))
        }
    }

    /** Extends the expiry of this node's members. Returns which of [topics] are not stored with their version. */
    suspend fun extend(topics: List<Pair<String, Long>>): List<Pair<String, Long>> {
        val versions =
            call { connection ->
                val commands = connection.async()
                topics.map { (topic, _) ->
                    val key = keys.presence(topic, node)
                    val version = commands.hget(key, VERSION)
                    commands.pexpire(key, PRESENCE_EXPIRY.inWholeMilliseconds)
                    version
                }
            }
        return topics.filterIndexed { index, (_, version) -> versions[index]?.decodeToString() != "$version" }
    }

    private suspend fun <T> call(block: (Commands) -> List<CompletionStage<T>>): List<T> {
        val connection = connection.filterNotNull().first()
        val calls = block(connection)
        connection.flushCommands()
        return calls.map { it.await() }
    }

    private companion object {
        /** Members in one call of the script. */
        const val MAX_MEMBERS = 200
        val VERSION = arg("version")
    }
}
