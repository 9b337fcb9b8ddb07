package dev.live.redis

import io.ktor.utils.io.KtorDsl
import kotlin.properties.Delegates
import kotlin.properties.ReadWriteProperty
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Settings of a [RedisBroker].
 *
 * Each setter throws [IllegalArgumentException] if the value is out of range; the message names the setting.
 */
@KtorDsl
public class RedisBrokerConfig internal constructor() {
    /**
     * Name of the application, 1 to 64 letters, digits, `-`, `_` or `.`. Nodes with the same name share topics. It is
     * part of every key and channel in Redis (`live:chat:...`). Required.
     */
    public var namespace: String by setting("") { label, value ->
        require(NAMESPACE.matches(value)) {
            "$label must be 1 to 64 letters, digits, '-', '_' or '.', was '$value'. " +
                "Other characters could mix up the keys of two applications."
        }
    }

    /**
     * How long `publish` and reads of histories wait for Redis, reconnects included. Then they fail with
     * [RedisBrokerException]; a topic may declare another [dev.live.server.broker.WhileBrokerAway]. Default: 5 s.
     */
    public var timeout: Duration by setting(5.seconds, ::checkPositive)

    /** Maximum publications that wait for Redis on this node; when full, `publish` suspends. Default: 10,000. */
    public var outboxMessages: Int by setting(10_000, ::checkCount)

    /**
     * Maximum bytes of those publications. A single larger publication is rejected with
     * [dev.live.protocol.ErrorCode.TooLarge]. Default: 16 MiB.
     */
    public var outboxBytes: Int by setting(16 * 1024 * 1024, ::checkCount)

    /**
     * Maximum publications received from Redis that this node has not yet delivered; further ones are dropped, and read
     * from the history, or reported to clients as a gap. Default: 10,000.
     */
    public var inboxMessages: Int by setting(10_000, ::checkCount)

    /** Maximum bytes of those publications. Default: 32 MiB. */
    public var inboxBytes: Int by setting(32 * 1024 * 1024, ::checkCount)

    /** How long a channel stays subscribed at Redis after this node's last use of its topic. Default: 1 s. */
    public var linger: Duration by setting(1.seconds) { label, value ->
        require(!value.isNegative() && value.isFinite()) { "$label must be at least 0s and finite, was $value" }
    }

    /** Time between two checks of each connection with PING. Default: 1 s. */
    public var probeInterval: Duration by setting(1.seconds, ::checkPositive)

    /**
     * How long Redis may take to accept a connection, or send nothing while it has not answered a check. Then the
     * connection is replaced. A socket stays open although Redis has stopped, so that only this check detects it.
     * Default: 2 s.
     */
    public var probeTimeout: Duration by setting(2.seconds, ::checkPositive)

    /**
     * Whether each topic of a cluster uses a sharded channel (`SPUBLISH`, `SSUBSCRIBE`), which only the servers of its
     * slot receive. Saves traffic between the servers of a large cluster. Needs Redis 7.0. All nodes must have the same
     * setting: those with another one do not receive each other's publications. Default: false.
     */
    public var sharded: Boolean = false

    /** Password of the sentinels, if they require one; user and password in the URL are those of the master. */
    public var sentinelPassword: String? = null
    private var tls: RedisTlsConfig? = null

    /** Maximum delay before the next attempt to connect; the delays start at 50 ms and double. Default: 1 s. */
    public var maxReconnectDelay: Duration by setting(1.seconds) { label, value ->
        require(value >= MIN_RECONNECT_DELAY && value.isFinite()) {
            "$label must be at least $MIN_RECONNECT_DELAY and finite, was $value"
        }
    }

    /**
     * TLS settings, for a URL that starts with `rediss`:
     *
     * ```
     * tls { caFile = Path("/etc/redis/ca.pem") }
     * ```
     */
    public fun tls(configure: RedisTlsConfig.() -> Unit) {
        tls = (tls ?: RedisTlsConfig()).apply(configure)
    }

    /**
     * Time between two heartbeats of this node, at most 20 s. The other nodes regard a node without a heartbeat for
     * three times as long as crashed, and its members as disconnected. Set the same on all nodes. Default: 1 s.
     */
    public var heartbeat: Duration by setting(1.seconds) { label, value ->
        require(value.isPositive() && value <= MAX_HEARTBEAT) {
            "$label must be positive and at most $MAX_HEARTBEAT, was $value"
        }
    }

    internal fun build(url: String): RedisSettings {
        require(namespace.isNotEmpty()) {
            "namespace is missing. Name the application: RedisBroker(url) { namespace = \"chat\" }."
        }
        val servers = RedisAddress.parse(url)
        require(tls == null || servers.hasTls) {
            "tls is set, but the Redis URL has no TLS. Use the scheme " +
                servers.topology.scheme.replaceFirst("redis", "rediss") + "."
        }
        require(!sharded || servers.topology == Topology.Cluster) {
            "sharded is true, but the Redis URL is not that of a cluster. Use the scheme redis-cluster."
        }
        require(sentinelPassword == null || servers.topology == Topology.Sentinel) {
            "sentinelPassword is set, but the Redis URL has no sentinels. Use the scheme redis-sentinel."
        }
        return RedisSettings(
            servers,
            tls?.build() ?: RedisTls(),
            sharded,
            sentinelPassword,
            namespace,
            timeout,
            outboxMessages,
            outboxBytes,
            inboxMessages,
            inboxBytes,
            linger,
            probeInterval,
            probeTimeout,
            maxReconnectDelay,
            heartbeat,
        )
    }

    private companion object {
        /** A third of the time for which Redis keeps the members of a node. */
        val MAX_HEARTBEAT = PRESENCE_EXPIRY / 3
        val NAMESPACE = Regex("[A-Za-z0-9._-]{1,64}")

        fun <T> setting(default: T, check: (String, T) -> Unit): ReadWriteProperty<Any?, T> =
            Delegates.vetoable(default) { property, _, value ->
                check(property.name, value)
                true
            }

        fun checkPositive(label: String, value: Duration) =
            require(value.isPositive() && value.isFinite()) { "$label must be positive and finite, was $value" }

        fun checkCount(label: String, value: Int) = require(value >= 1) { "$label must be at least 1, was $value" }
    }
}

internal val MIN_RECONNECT_DELAY = 50.milliseconds
