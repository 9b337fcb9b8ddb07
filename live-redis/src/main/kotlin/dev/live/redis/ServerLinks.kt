package dev.live.redis

import io.lettuce.core.RedisURI
import io.lettuce.core.codec.ByteArrayCodec
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch

/**
 * The two connections of this node to one server: Redis allows few commands on a connection that is subscribed to
 * channels.
 *
 * @property address of the server, for logs
 * @param changed called after each change of a connection
 */
internal class ServerLinks(
    settings: RedisSettings,
    keys: RedisKeys,
    val address: String,
    private val events: ChannelEvents,
    changed: () -> Unit,
) {
    private val check = ServerCheck(keys, settings.servers.topology, address)
    private val servers = ServerPair(address)
    private val commandEnd = servers.add(ServerPair.End(::replaceCommands))
    private val channelEnd = servers.add(ServerPair.End(::replaceChannels))

    val commands: RedisLink<Commands> =
        RedisLink(
            "command",
            settings,
            { servers.connected(commandEnd, check.commands(it)) },
            address,
            changed,
        ) { connection ->
            check.probe(connection)
            servers.check(commandEnd)
        }

    val channels: RedisLink<Channels> =
        RedisLink(
            "subscription",
            settings,
            { connection ->
                for (listener in events.listeners(connection)) connection.addListener(listener)
                servers.connected(channelEnd, check.channels(connection))
            },
            address,
            changed,
        ) { connection ->
            connection.async().ping().await()
            events.check(connection)
            servers.check(channelEnd)
        }

    val links: List<RedisLink<*>> = listOf(commands, channels)

    /** Number of connections after the first one of each. */
    val reconnects: Long get() = links.sumOf { (it.connects - 1).coerceAtLeast(0) }

    /** Replaces both connections, which lead to a server that must not be used because of [reason]. */
    fun replace(reason: RedisSetupException) {
        replaceCommands(reason)
        replaceChannels(reason)
    }

    private fun replaceCommands(reason: RedisSetupException) {
        commands.connection.value?.let { commands.replace(it, reason) }
    }

    private fun replaceChannels(reason: RedisSetupException) {
        channels.connection.value?.let { channels.replace(it, reason) }
    }

    /** Keeps both connections open until it is cancelled. Each attempt to connect asks for the address. */
    suspend fun run(
        clients: RedisClients,
        commandUri: suspend () -> RedisURI,
        channelUri: suspend () -> RedisURI,
    ): Unit = coroutineScope {
        launch {
            clients.use(commands.traffic) { client ->
                commands.run { client.connectAsync(ByteArrayCodec.INSTANCE, commandUri()) }
            }
        }
        launch {
            clients.use(channels.traffic) { client ->
                channels.run { client.connectPubSubAsync(ByteArrayCodec.INSTANCE, channelUri()) }
            }
        }
    }
}
