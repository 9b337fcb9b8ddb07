package dev.live.client

import dev.live.client.connection.ConnectionSettings
import dev.live.client.connection.DeviceSettings
import dev.live.client.connection.HeartbeatSettings
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.topic.OutboxCapacity
import dev.live.client.transport.Transport
import dev.live.protocol.Codec
import kotlin.coroutines.CoroutineContext
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * The validated, immutable settings from a [LiveClientConfig].
 *
 * @property parent context with the parent job of the client's scope, or null
 * @property transport creates the transport, which the client owns
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
    val outbox: () -> OutboxCapacity,
    val context: CoroutineContext,
    val parent: CoroutineContext?,
    val transport: () -> Transport,
    val timeSource: TimeSource,
    val random: Random,
    val device: DeviceSettings,
) {
    fun connectionSettings(): ConnectionSettings =
        ConnectionSettings(url, codecs, headers, reconnect, heartbeat, timeSource, random)
}
