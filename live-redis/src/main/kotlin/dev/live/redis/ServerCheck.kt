package dev.live.redis

import io.lettuce.core.RedisCommandExecutionException
import io.lettuce.core.RedisFuture
import kotlinx.coroutines.future.await
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/** Checks on each new connection that Redis can be used, so that problems are reported before the first message. */
internal class ServerCheck(
    private val keys: RedisKeys,
    private val topology: Topology,
    private val address: String,
) {
    /** Whether the memory policy was reported. Only accessed by the connection's coroutine. */
    private var isPolicyReported = false

    /**
     * Returns the run_id of Redis, which identifies its process.
     *
     * @throws RedisSetupException if Redis is a replica, is too old, or is loading its data
     * @throws io.lettuce.core.RedisCommandExecutionException if a permission is missing
     */
    suspend fun commands(connection: Commands): String {
        connection.setAutoFlushCommands(false)
        val commands = connection.async()
        val info = connection.await(commands.info()).fields()
        checkServer(info)
        if (topology == Topology.Cluster) checkState(connection)
        awaitPermission { connection.await(commands.exists(keys.probe)) }
        awaitPermission {
            val channel = keys.probe
            val call = if (keys.isSharded) commands.spublish(channel, EMPTY) else commands.publish(channel, EMPTY)
            connection.await(call)
        }
        for (script in RedisScript.all(keys.isSharded)) {
            val loaded = script.load(connection)
            connection.flushCommands()
            loaded.await()
        }
        if (!isPolicyReported) checkMemory(info)
        isPolicyReported = true
        return info["run_id"].orEmpty()
    }

    /**
     * Checks a connection in use.
     *
     * @throws RedisSetupException if the master has become a replica, or a cluster does not serve all of its slots
     */
    suspend fun probe(connection: Commands) {
        checkRole(connection.await(connection.async().info("replication")).fields())
        if (topology == Topology.Cluster) checkState(connection)
    }

    private suspend fun checkState(connection: Commands) {
        if (connection.await(connection.async().clusterInfo()).fields()["cluster_state"] == "ok") return
        throw RedisSetupException(
            "The cluster of Redis at $address is down: the majority of its masters or the master of a slot is not " +
                "available. A replica of each master takes over after cluster-node-timeout.",
        )
    }

    /**
     * Returns the run_id of Redis.
     *
     * @throws io.lettuce.core.RedisCommandExecutionException if a permission is missing
     */
    suspend fun channels(connection: Channels): String {
        val info = connection.async().info("server").await().fields()
        awaitPermission {
            if (keys.isSharded) {
                connection.async().ssubscribe(keys.probe).await()
                connection.async().sunsubscribe(keys.probe).await()
            } else {
                connection.async().subscribe(keys.probe).await()
                connection.async().unsubscribe(keys.probe).await()
            }
        }
        return info["run_id"].orEmpty()
    }

    /** In a cluster, the key may belong to another server: the answer follows the check of the permission. */
    private suspend fun awaitPermission(call: suspend () -> Unit) {
        try {
            call()
        } catch (e: RedisCommandExecutionException) {
            if (topology != Topology.Cluster || redirection(e) == null) throw e
        }
    }

    private fun checkServer(info: Map<String, String>) {
        if (info["loading"] == "1") throw RedisSetupException("Redis at $address is loading its data.")
        checkMode(info["redis_mode"])
        checkRole(info)
        val version = info["redis_version"].orEmpty()
        if (!isSupported(version)) {
            throw RedisSetupException("Redis at $address has the version $version. Version 6.2 or later is required.")
        }
        if (keys.isSharded && !isSupported(version, SHARDED)) {
            throw RedisSetupException(
                "Redis at $address has the version $version. Sharded channels require 7.0: set sharded = false.",
            )
        }
    }

    private fun checkMode(mode: String?) {
        val isCluster = mode == "cluster"
        val advice =
            when {
                mode == "sentinel" -> "is a sentinel. Use the scheme redis-sentinel: redis-sentinel://host:port#master."
                isCluster && topology != Topology.Cluster -> "is a node of a cluster. Use the scheme redis-cluster."
                mode != null && !isCluster && topology == Topology.Cluster ->
                    "is not a node of a cluster. Use the scheme redis instead of redis-cluster."
                else -> return
            }
        throw RedisSetupException("Redis at $address $advice")
    }

    private fun checkRole(info: Map<String, String>) {
        if (info["role"] != "slave") return
        val master = "${info["master_host"]}:${info["master_port"]}"
        throw RedisSetupException(
            when (topology) {
                Topology.Single -> "Redis at $address is a replica. Use the address of its master: $master."
                Topology.Sentinel, Topology.Cluster ->
                    "Redis at $address is a replica of $master: a failover is under way, or has just ended."
            },
        )
    }

    private fun checkMemory(info: Map<String, String>) {
        val policy = info["maxmemory_policy"].orEmpty()
        policyWarning(info["maxmemory"].orEmpty(), policy)?.let { log.warn("Redis at {} {}", address, it) }
    }

    private suspend fun <T> Commands.await(call: RedisFuture<T>): T {
        flushCommands()
        return call.await()
    }

    private fun String.fields(): Map<String, String> = lineSequence().mapNotNull(::field).toMap()

    private fun field(line: String): Pair<String, String>? =
        if (':' in line) line.substringBefore(':') to line.substringAfter(':').trim() else null

    internal companion object {
        private val EMPTY = ByteArray(0)
        private val log: Logger = LoggerFactory.getLogger("dev.live.redis")

        /**
         * A warning if Redis removes keys when it has reached [maxmemory]; null if not. The policies for keys that
         * expire concern live as well: all its keys expire.
         */
        fun policyWarning(maxmemory: String, policy: String): String? =
            if (maxmemory == "0" || policy == "noeviction" || policy.isEmpty()) {
                null
            } else {
                "has the maxmemory-policy $policy: it removes histories when memory is short, which clients see as " +
                    "gaps. Set maxmemory-policy noeviction."
            }

        /** Whether Redis [version] has the commands that live uses: [minimum] or later. An unknown form is accepted. */
        fun isSupported(version: String, minimum: Pair<Int, Int> = 6 to 2): Boolean {
            val parts = version.split('.').map { it.toIntOrNull() ?: return true }
            val (major, minor) = parts.takeIf { it.size >= 2 } ?: return true
            return major > minimum.first || (major == minimum.first && minor >= minimum.second)
        }

        private val SHARDED = 7 to 0
    }
}
