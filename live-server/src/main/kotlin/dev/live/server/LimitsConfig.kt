package dev.live.server

import dev.live.protocol.DecodeLimits
import dev.live.server.config.Notation
import dev.live.server.config.SettingBlock
import dev.live.server.config.atLeast
import dev.live.server.config.inRange
import dev.live.server.config.positive
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.OriginPolicy
import dev.live.server.limits.Rate
import dev.live.server.transport.FrameLimits
import io.ktor.utils.io.KtorDsl
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Settings of the `limits { ... }` block. */
@KtorDsl
public class LimitsConfig internal constructor(private val maxTopics: () -> Int) {
    internal val settings = SettingBlock("limits")

    /**
     * Largest message a client may send, in bytes, at least 128; a larger message closes the session (1009).
     * Default 64 KiB.
     */
    public var maxMessageSize: Int by settings.setting(
        Notation.Count,
        64 * 1024,
        atLeast(128, "bytes"),
        "bytes of the largest message from a client",
    )

    /**
     * Frames that one message may be fragmented into, at least 1; one more closes the session (1008). Default: the
     * number of bytes in [maxMessageSize], so every message within that limit is accepted, however it is fragmented.
     * Fragments are joined as they arrive: they cost time, but no memory.
     */
    public var maxFragments: Int by settings.computed(
        Notation.Count,
        atLeast(1),
        "maximum frames of one message from a client; default: as many as `maxMessageSize` has bytes",
    ) { maxMessageSize }

    /** Maximum nesting depth of arrays and objects in a payload, 1 to 512. Default 64. */
    public var maxNesting: Int by settings.setting(
        Notation.Count,
        64,
        inRange(1..DecodeLimits.MAX_DEPTH),
        "maximum nesting depth of arrays and objects in a payload",
    )

    /**
     * Messages a client may send per second on average, at least 1; above it, `rate_limited` is returned. Default 100;
     * [Int.MAX_VALUE] for no limit.
     */
    public var messagesPerSecond: Int by settings.setting(
        Notation.Limit,
        100,
        atLeast(1),
        "average messages per second from a client",
    )

    /**
     * Messages a client may send at once, at least 1. The same number of rejected messages closes the session (4429);
     * this count decays by [messagesPerSecond]. Pings and pongs count as messages. Default 200.
     */
    public var burst: Int by settings.setting(
        Notation.Count,
        200,
        atLeast(1, "message"),
        "messages that a client can send at once",
    )

    /**
     * Bytes of messages that a client may send per second on average, at least 1,024; above it, `rate_limited` is
     * returned. Default 1 MiB; [Int.MAX_VALUE] for no limit.
     */
    public var bytesPerSecond: Int by settings.setting(
        Notation.Limit,
        MIB,
        atLeast(1024),
        "average bytes of messages per second from a client",
    )

    /**
     * Bytes of messages that a client may send at once, at least [maxMessageSize]. The same number of rejected bytes
     * closes the session (4429); this count decays by [bytesPerSecond]. Default 4 MiB, or [maxMessageSize] if larger.
     */
    public var byteBurst: Int by settings.computed(
        Notation.Count,
        atLeast(128, "bytes"),
        "bytes of messages that a client can send at once",
        related = "not below `maxMessageSize`",
    ) { maxOf(4 * MIB, maxMessageSize) }

    /**
     * Messages that all sessions of one user on this node may send per second on average, at least 1; above it,
     * `rate_limited` is returned. Applies only to endpoints that declare `user`. Subscribes to declared topics do not
     * count; [maxSessionsPerUser] times [subscribesPerSecond] limits them per user. Default: no limit.
     */
    public var messagesPerSecondPerUser: Int by settings.setting(
        Notation.Limit,
        Int.MAX_VALUE,
        atLeast(1),
        "average messages per second from all sessions of one user",
    )

    /**
     * Messages that all sessions of one user on this node may send at once, at least 1. A session with the same number
     * of rejected messages is closed (4429). Default 400.
     */
    public var burstPerUser: Int by settings.setting(
        Notation.Count,
        400,
        atLeast(1, "message"),
        "messages that all sessions of one user can send at once",
    )

    /**
     * Topics that a client may subscribe to per second on average, at least 1; above it, `rate_limited` is returned.
     * A subscribe does not also count as a message. Default 50; [Int.MAX_VALUE] for no limit.
     */
    public var subscribesPerSecond: Int by settings.setting(
        Notation.Limit,
        50,
        atLeast(1),
        "average subscribes per second from a client",
    )

    /**
     * Topics that a client may subscribe to at once, at least 1. If it is below `session { maxTopics }`, a client may
     * be unable to resume all of its topics at once after a reconnect. The same number of rejected subscribes closes
     * the session (4429). Default: twice `maxTopics`, and at least 200.
     */
    public var subscribeBurst: Int by settings.computed(
        Notation.Count,
        atLeast(1),
        "subscribes that a client can send at once; default: twice `session.maxTopics` if that is more",
    ) { maxOf(200, minOf(2L * maxTopics(), Int.MAX_VALUE.toLong()).toInt()) }

    /** Messages per minute that cannot be decoded before the session is closed (4400), at least 1. Default 10. */
    public var maxBadMessages: Int by settings.setting(
        Notation.Count,
        10,
        atLeast(1),
        "undecodable messages within a minute before the session is closed (4400)",
    )

    /** Connections this node accepts, at least 1; further connections receive HTTP 503. Default: no limit. */
    public var maxConnections: Int by settings.setting(
        Notation.Limit,
        Int.MAX_VALUE,
        atLeast(1),
        "maximum connections of this node",
    )

    /**
     * Connections this node accepts from one address, at least 1; further connections receive HTTP 429. An IPv6 /64
     * network counts as one address. Behind a proxy, install Ktor's `XForwardedHeaders`; otherwise all clients have the
     * address of the proxy. Default: no limit.
     */
    public var maxConnectionsPerAddress: Int by settings.setting(
        Notation.Limit,
        Int.MAX_VALUE,
        atLeast(1),
        "maximum connections of this node from one address",
    )

    /**
     * Sessions that one user may open on this node, at least 1; further sessions are closed (1013). Default: no limit.
     */
    public var maxSessionsPerUser: Int by settings.setting(
        Notation.Limit,
        Int.MAX_VALUE,
        atLeast(1),
        "maximum sessions of one user on this node",
    )

    /** Maximum time for a client to send its token in an `auth` message, positive. Default 10 s. */
    public var authTimeout: Duration by settings.setting(
        Notation.Time,
        10.seconds,
        positive,
        "time to send the token if an `auth` message carries it",
    )

    /**
     * How long before its token expires a client is notified, at least 1 s. Applies only to endpoints that declare
     * `expires`. Default 60 s.
     */
    public var expiryWarning: Duration by settings.setting(
        Notation.Time,
        60.seconds,
        atLeast(1.seconds),
        "time before token expiry at which the server sends `expiring`",
    )

    internal fun build(origins: OriginPolicy): LimitSettings {
        check(byteBurst >= maxMessageSize) {
            "byteBurst ($byteBurst) must not be below maxMessageSize ($maxMessageSize), " +
                "or the largest message would always be rejected"
        }
        return LimitSettings(
            frames = FrameLimits(maxMessageSize, maxFragments),
            decode = DecodeLimits(maxNesting),
            messages = Rate(messagesPerSecond, burst),
            bytes = Rate(bytesPerSecond, byteBurst),
            userMessages = Rate(messagesPerSecondPerUser, burstPerUser),
            subscribes = Rate(subscribesPerSecond, subscribeBurst),
            maxBadMessages = maxBadMessages,
            maxConnections = maxConnections,
            maxConnectionsPerAddress = maxConnectionsPerAddress,
            maxSessionsPerUser = maxSessionsPerUser,
            authTimeout = authTimeout,
            expiryWarning = expiryWarning,
            origins = origins,
        )
    }

    private companion object {
        const val MIB = 1024 * 1024
    }
}
