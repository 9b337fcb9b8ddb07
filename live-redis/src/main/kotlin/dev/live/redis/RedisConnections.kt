package dev.live.redis

import io.lettuce.core.ClientOptions
import io.lettuce.core.RedisClient
import io.lettuce.core.SocketOptions
import io.lettuce.core.TimeoutOptions
import io.lettuce.core.codec.ByteArrayCodec
import io.lettuce.core.resource.ClientResources
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit
import kotlin.time.toJavaDuration

/** The two connections of a node: Redis allows few commands on a connection that is subscribed to channels. */
internal class RedisConnections(
    private val settings: RedisSettings,
    keys: RedisKeys,
    inbox: Inbox,
) {
    private val check = ServerCheck(keys, settings.address)
    private val servers = ServerPair(settings.address)
    private val commandEnd = servers.add(ServerPair.End(::replaceCommands))
    private val channelEnd = servers.add(ServerPair.End(::replaceChannels))

    val commands: RedisLink<Commands> =
        RedisLink("command", settings, { servers.connected(commandEnd, check.commands(it)) }) { connection ->
            check.probe(connection)
            servers.check(commandEnd)
        }

    val channels: RedisLink<Channels> =
        RedisLink(
            "subscription",
            settings,
            { connection ->
                connection.addListener(inbox)
                servers.connected(channelEnd, check.channels(connection))
            },
        ) { connection ->
            connection.async().ping().await()
            servers.check(channelEnd)
        }

    private fun replaceCommands(reason: RedisSetupException) {
        commands.connection.value?.let { commands.replace(it, reason) }
    }

    private fun replaceChannels(reason: RedisSetupException) {
        channels.connection.value?.let { channels.replace(it, reason) }
    }

    /** Keeps both connections open until it is cancelled. */
    suspend fun run() {
        val resources = ClientResources.builder().ioThreadPoolSize(THREADS).computationThreadPoolSize(THREADS).build()
        try {
            coroutineScope {
                launch {
                    withClient(resources, commands.traffic) { client ->
                        commands.run { client.connectAsync(ByteArrayCodec.INSTANCE, settings.uri) }
                    }
                }
                launch {
                    withClient(resources, channels.traffic) { client ->
                        channels.run { client.connectPubSubAsync(ByteArrayCodec.INSTANCE, settings.uri) }
                    }
                }
            }
        } finally {
            shutDown(resources)
        }
    }

    /** A client for each link, with the threads of [shared]: Lettuce customizes the connections of a whole client. */
    private suspend fun withClient(shared: ClientResources, traffic: Traffic, use: suspend (RedisClient) -> Unit) {
        val resources = shared.mutate().nettyCustomizer(traffic).build()
        try {
            val client = RedisClient.create(resources, settings.uri)
            client.options = options()
            try {
                use(client)
            } finally {
                withContext(NonCancellable) { client.shutdownAsync(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).await() }
            }
        } finally {
            shutDown(resources)
        }
    }

    private suspend fun shutDown(resources: ClientResources) {
        // blocks: the future of Netty has no stage to await
        withContext(NonCancellable + Dispatchers.IO) {
            resources.shutdown(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).await(SHUTDOWN_SECONDS, TimeUnit.SECONDS)
        }
    }

    private fun options(): ClientOptions =
        ClientOptions
            .builder()
            .autoReconnect(false) // RedisLink reconnects
            .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
            .timeoutOptions(TimeoutOptions.builder().timeoutCommands(false).build()) // RedisLink checks the connection
            .socketOptions(SocketOptions.builder().connectTimeout(settings.probeTimeout.toJavaDuration()).build())
            .build()

    private companion object {
        const val THREADS = 2 // Lettuce's minimum; one thread serves both connections of a node
        const val SHUTDOWN_SECONDS = 2L
    }
}
