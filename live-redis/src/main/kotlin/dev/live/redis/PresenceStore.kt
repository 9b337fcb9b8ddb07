package dev.live.redis

import dev.live.server.broker.PresenceMember
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.future.await
import java.util.concurrent.CompletionStage
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** How long Redis keeps the members and the heartbeat of a node that has ended. */
internal val PRESENCE_EXPIRY: Duration = 1.minutes

/** The presence in Redis. Every call waits for a connection, and fails if that is lost. */
internal class PresenceStore(
    private val servers: Servers,
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
        val replies = call(change.topic) { connection ->
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
        each(at, { it.topic }) { connection, one -> connection.async().hgetall(keys.presence(one.topic, one.node)) }
            .map(::members)

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
            call(RedisKeys.NODES) { connection ->
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
        val fields = Array(lost.size) { arg(lost.elementAt(it)) }
        call(RedisKeys.NODES) { connection -> listOf(connection.async().hdel(keys.nodes, *fields)) }
    }

    /** Extends the expiry of this node's members. Returns which of [topics] are not stored with their version. */
    suspend fun extend(topics: List<Pair<String, Long>>): List<Pair<String, Long>> {
        val versions =
            each(topics, { it.first }) { connection, (topic, _) ->
                val key = keys.presence(topic, node)
                val version = connection.async().hget(key, VERSION)
                connection.async().pexpire(key, PRESENCE_EXPIRY.inWholeMilliseconds)
                version
            }
        return topics.filterIndexed { index, (_, version) -> versions[index]?.decodeToString() != "$version" }
    }

    /** Makes the calls of [block] at the server of [topic]; all of them again if another server must execute them. */
    private suspend fun <T> call(topic: String, block: (Commands) -> List<CompletionStage<T>>): List<T> {
        while (true) {
            val connection = servers.awaitCommands(topic, lost = null)
            try {
                val calls = block(connection)
                connection.flushCommands()
                return calls.map { it.await() }
            } catch (e: Throwable) {
                checkRedirect(topic, e)
                delay(REDIRECT_DELAY)
            }
        }
    }

    /** Makes one [call] for each of [items] at the server of its topic. The calls to a server go out in one write. */
    private suspend fun <K, T> each(
        items: List<K>,
        topicOf: (K) -> String,
        call: (Commands, K) -> CompletionStage<T>,
    ): List<T> {
        val calls = MutableList<CompletionStage<T>?>(items.size) { null }
        var left = items.indices.toList()
        while (left.isNotEmpty()) {
            val connections = left.map { servers.awaitCommands(topicOf(items[it]), lost = null) }
            for ((index, connection) in left.zip(connections)) calls[index] = call(connection, items[index])
            connections.distinct().forEach { it.flushCommands() }
            left = left.filter { index ->
                try {
                    calls[index]!!.await()
                    false
                } catch (e: Throwable) {
                    checkRedirect(topicOf(items[index]), e)
                    true
                }
            }
            if (left.isNotEmpty()) delay(REDIRECT_DELAY)
        }
        return calls.map { it!!.await() }
    }

    /** Returns if another server, or this one later, must execute a command of [topic]. Otherwise throws [failure]. */
    private suspend fun checkRedirect(topic: String, failure: Throwable) {
        currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
        servers.redirect(topic, failure) ?: throw failure
    }

    private companion object {
        /** Members in one call of the script. */
        const val MAX_MEMBERS = 200
        val VERSION = arg("version")

        /** Before another attempt: a slot that moves is not available for a while. */
        val REDIRECT_DELAY = 20.milliseconds
    }
}
