package dev.live.redis

import io.lettuce.core.ClientOptions
import io.lettuce.core.RedisClient
import io.lettuce.core.SocketOptions
import io.lettuce.core.TimeoutOptions
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection
import io.lettuce.core.resource.ClientResources
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit
import kotlin.time.TimeSource
import kotlin.time.toJavaDuration

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

    /** Since when a connection is missing; null if there is none. */
    val awaySince: TimeSource.Monotonic.ValueTimeMark?
        get() = (links.mapNotNull { it.awaySince } + listOfNotNull(servers.unknownSince)).minOrNull()

    @Volatile
    private var wasConnected = false

    /** Whether this node was connected to each server before, as far as the servers were known. */
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
    suspend fun run() {
        val resources = ClientResources.builder().ioThreadPoolSize(THREADS).computationThreadPoolSize(THREADS).build()
        try {
            val client = RedisClient.create(resources, settings.uri)
            client.options = options()
            try {
                servers.run(client)
            } finally {
                withContext(NonCancellable) { client.shutdownAsync(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).await() }
            }
        } finally {
            // blocks: the future of Netty has no stage to await
            withContext(NonCancellable + Dispatchers.IO) {
                resources.shutdown(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).await(SHUTDOWN_SECONDS, TimeUnit.SECONDS)
            }
        }
    }

    private fun options(): ClientOptions =
        ClientOptions
            .builder()
            .autoReconnect(false) // RedisLink reconnects
            .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
            .timeoutOptions(TimeoutOptions.builder().timeoutCommands(false).build()) // RedisLink checks the connection
            .sslOptions(settings.tls.options(handshakeTimeout = settings.probeTimeout * HANDSHAKE))
            .socketOptions(SocketOptions.builder().connectTimeout(settings.probeTimeout.toJavaDuration()).build())
            .build()

    private companion object {
        const val THREADS = 2 // Lettuce's minimum; one thread serves both connections of a node
        const val SHUTDOWN_SECONDS = 2L

        /** Part of the time for a connection: a handshake without an answer needs a reason of its own. */
        const val HANDSHAKE = 0.75
    }
}
