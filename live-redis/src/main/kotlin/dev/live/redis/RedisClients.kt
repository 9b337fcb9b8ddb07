package dev.live.redis

import io.lettuce.core.ClientOptions
import io.lettuce.core.RedisClient
import io.lettuce.core.SocketOptions
import io.lettuce.core.TimeoutOptions
import io.lettuce.core.event.DefaultEventPublisherOptions
import io.lettuce.core.resource.ClientResources
import io.lettuce.core.resource.NettyCustomizer
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit
import kotlin.time.toJavaDuration

/** The clients of Lettuce for this node. They share their threads. Thread-safe. */
internal class RedisClients private constructor(
    private val settings: RedisSettings,
    private val shared: ClientResources,
) {
    /** Opens a client for [block]. Lettuce customizes all connections of a client, so that a link has its own one. */
    suspend fun use(customizer: NettyCustomizer, block: suspend (RedisClient) -> Unit) {
        // not shared.mutate(): the shutdown of its result ends the shared threads
        val resources =
            builder()
                .eventLoopGroupProvider(shared.eventLoopGroupProvider())
                .eventExecutorGroup(shared.eventExecutorGroup())
                .timer(shared.timer())
                .eventBus(shared.eventBus())
                .nettyCustomizer(customizer)
                .build()
        try {
            use(resources, block)
        } finally {
            shutDown(resources)
        }
    }

    /** Opens a client without a customizer for [block]. */
    suspend fun use(block: suspend (RedisClient) -> Unit): Unit = use(shared, block)

    private suspend fun use(resources: ClientResources, block: suspend (RedisClient) -> Unit) {
        val client = RedisClient.create(resources, settings.uri)
        client.options = options()
        try {
            block(client)
        } finally {
            withContext(NonCancellable) { client.shutdownAsync(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).await() }
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

    companion object {
        private const val THREADS = 2 // Lettuce's minimum; one thread serves both connections of a node
        private const val SHUTDOWN_SECONDS = 2L

        /** Part of the time for a connection: a handshake without an answer needs a reason of its own. */
        private const val HANDSHAKE = 0.75

        /** Runs [block], and ends the threads of the clients afterwards. */
        suspend fun run(settings: RedisSettings, block: suspend (RedisClients) -> Unit) {
            val resources = builder().ioThreadPoolSize(THREADS).computationThreadPoolSize(THREADS).build()
            try {
                block(RedisClients(settings, resources))
            } finally {
                shutDown(resources)
            }
        }

        /** Without the events of latencies, which need a timer for each client. */
        private fun builder(): ClientResources.Builder =
            ClientResources.builder().commandLatencyPublisherOptions(DefaultEventPublisherOptions.disabled())

        private suspend fun shutDown(resources: ClientResources) {
            // blocks: the future of Netty has no stage to await
            withContext(NonCancellable + Dispatchers.IO) {
                resources.shutdown(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).await(SHUTDOWN_SECONDS, TimeUnit.SECONDS)
            }
        }
    }
}
