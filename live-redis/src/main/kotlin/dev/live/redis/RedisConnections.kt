package dev.live.redis

import io.lettuce.core.pubsub.StatefulRedisPubSubConnection
import kotlin.time.TimeSource

internal typealias Channels = StatefulRedisPubSubConnection<ByteArray, ByteArray>

/** The connections of this node: two to each server. */
internal class RedisConnections(
    private val settings: RedisSettings,
    keys: RedisKeys,
    events: ChannelEvents,
) {
    val servers: Servers =
        when (settings.servers.topology) {
            Topology.Cluster -> ClusterServers(settings, keys, events)
            Topology.Sentinel -> SentinelServer(settings, keys, events)
            Topology.Single -> SingleServer(settings, keys, events)
        }

    private val links: List<RedisLink<*>> get() = servers.all.value.flatMap { it.links }

    /** Since when a connection is missing; null if none is. A new master counts after its first attempt to connect. */
    val awaySince: TimeSource.Monotonic.ValueTimeMark?
        get() {
            val isAnyReady = servers.all.value.any { server -> server.links.all { it.connects > 0 } }
            val counted = if (isAnyReady) links.filterNot { it.isNew } else links
            val since = (counted.mapNotNull { it.awaySince } + listOfNotNull(servers.unknownSince)).minOrNull()
            if (since == null) wasConnected = true
            return since
        }

    @Volatile
    private var wasConnected = false

    /** Whether nothing was missing before ([awaySince]), or this node was connected to each server that it knew. */
    fun wasConnected(): Boolean {
        if (!wasConnected) wasConnected = servers.unknownSince == null && links.all { it.connects > 0 }
        return wasConnected
    }

    /** Number of connections after the first one of each. */
    val reconnects: Long get() = servers.formerReconnects + servers.all.value.sumOf { it.reconnects }

    /** A sentence that says why a publication or a read has no answer. */
    fun reason(): String {
        servers.failure?.let { if (servers.unknownSince != null) return describeFailure(settings.address, it) }
        val lost =
            servers.all.value.flatMap { server ->
                server.links.filter { it.connection.value == null }.map { server.address to it.failure }
            }
        // a server that answers knows more than a connection that fails
        val (address, failure) =
            lost.firstOrNull { (_, failure) -> failure is RedisSetupException }
                ?: lost.firstOrNull()
                ?: return "Redis at ${settings.address} is slow."
        return failure?.let { describeFailure(address, it) } ?: "Redis at $address is not connected."
    }

    /** Keeps the connections open until it is cancelled. */
    suspend fun run(): Unit = RedisClients.run(settings) { servers.run(it) }
}
