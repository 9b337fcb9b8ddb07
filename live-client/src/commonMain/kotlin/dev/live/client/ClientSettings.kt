package dev.live.client

import dev.live.client.connection.ConnectionSettings
import dev.live.client.connection.HeartbeatSettings
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.connection.SurroundingsSettings
import dev.live.client.topic.OutboxRoom
import dev.live.client.transport.Transport
import dev.live.protocol.Codec
import kotlin.coroutines.CoroutineContext
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * A [LiveClientConfig] that has been checked and no longer changes.
 *
 * @property parent whose job the client's scope is a child of, where the application has one
 * @property transport makes the transport, which the client then owns
 */
internal class ClientSettings(
    val url: String,
    val codecs: List<Codec>,
    val headers: Map<String, String>,
    val bearer: (suspend () -> String)?,
    val bearerTimeout: Duration,
    val trace: (() -> String?)?,
    val reconnect: ReconnectPolicy,
    val heartbeat: HeartbeatSettings,
    val requestTimeout: Duration,
    val linger: Duration,
    val outbox: () -> OutboxRoom,
    val context: CoroutineContext,
    val parent: CoroutineContext?,
    val transport: () -> Transport,
    val timeSource: TimeSource,
    val random: Random,
    val surroundings: SurroundingsSettings,
) {
    /** What every connection is made with. */
    fun ofConnections(): ConnectionSettings =
        ConnectionSettings(url, codecs, headers, reconnect, heartbeat, timeSource, random)
}
