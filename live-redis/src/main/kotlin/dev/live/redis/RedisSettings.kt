package dev.live.redis

import io.lettuce.core.RedisURI
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/** The checked settings of a [RedisBroker]; see [RedisBrokerConfig]. */
internal class RedisSettings(
    val servers: RedisAddress,
    val tls: RedisTls,
    val isSharded: Boolean,
    val sentinelPassword: String?,
    val namespace: String,
    val timeout: Duration,
    val outboxMessages: Int,
    val outboxBytes: Int,
    val inboxMessages: Int,
    val inboxBytes: Int,
    val linger: Duration,
    val probeInterval: Duration,
    val probeTimeout: Duration,
    val maxReconnectDelay: Duration,
    val heartbeat: Duration,
) {
    /** The address for logs, without user and password. */
    val address: String = servers.label

    /** The first server of the URL. */
    val uri: RedisURI get() = uri(servers.servers.first())

    fun uri(server: HostPort): RedisURI =
        servers.uri(server, tls.verifiesHost).apply { timeout = probeTimeout.toJavaDuration() }

    /** Sentinels have passwords of their own, and no databases. */
    fun sentinelUri(server: HostPort): RedisURI {
        val login = sentinelPassword?.let { UserInfo(user = null, it) }
        val uri = servers.uri(server, tls.verifiesHost, database = 0, login)
        return uri.apply { timeout = probeTimeout.toJavaDuration() }
    }
}
