package dev.live.redis

import io.lettuce.core.RedisURI
import java.net.URI
import java.net.URISyntaxException
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/** The checked settings of a [RedisBroker]; see [RedisBrokerConfig]. */
internal class RedisSettings(
    val uri: RedisURI,
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
    val address: String get() = "${uri.host}:${uri.port}"
}

/**
 * The address in [url].
 *
 * @throws IllegalArgumentException if it is not the URL of a single Redis server without TLS. The message contains no
 *   password
 */
internal fun redisUri(url: String, timeout: Duration): RedisURI {
    val parsed =
        try {
            URI(url)
        } catch (e: URISyntaxException) {
            // not the cause: its message contains the URL, and with it the password
            throw IllegalArgumentException("the Redis URL is invalid at character ${e.index}: ${e.reason}. $EXPECTED")
        }
    when (parsed.scheme) {
        "redis" -> Unit
        null -> throw IllegalArgumentException("the Redis URL has no scheme. $EXPECTED")
        "rediss", "redis+tls", "redis+ssl" ->
            throw IllegalArgumentException(
                "the Redis URL has the scheme '${parsed.scheme}', but TLS is not supported yet. " +
                    "Use redis:// in a private network, or a TLS tunnel.",
            )
        else -> throw IllegalArgumentException("the Redis URL has the unknown scheme '${parsed.scheme}'. $EXPECTED")
    }
    require(!parsed.host.isNullOrEmpty()) { "the Redis URL has no valid host. $EXPECTED" }
    val database = parsed.path.orEmpty().removePrefix("/")
    require(database.isEmpty() || database.toIntOrNull()?.let { it >= 0 } == true) {
        // without its text, which is a part of the password if that contains a slash
        "the database is not a number. A slash in the password must be written as %2F. $EXPECTED"
    }
    require(parsed.query == null && parsed.fragment == null) {
        "the Redis URL has parameters. Use the settings of RedisBroker instead. $EXPECTED"
    }
    return RedisURI.create(parsed).apply { setTimeout(timeout.toJavaDuration()) }
}

private const val EXPECTED = "Expected: redis://user:password@host:port/database, all parts but the host optional."
