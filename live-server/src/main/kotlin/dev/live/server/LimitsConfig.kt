package dev.live.server

import dev.live.protocol.DecodeLimits
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
    private var explicitByteBurst: Int? = null
    private var explicitSubscribeBurst: Int? = null
    private var explicitMaxFragments: Int? = null

    /**
     * Largest message a client may send, in bytes, at least 128; a larger message closes the session (1009).
     * Default 64 KiB.
     */
    public var maxMessageSize: Int = 64 * 1024
        set(value) {
            require(value >= 128) { "maxMessageSize must be at least 128 bytes, was $value" }
            field = value
        }

    /**
     * Frames that one message may be fragmented into, at least 1; one more closes the session (1008). Default: the
     * number of bytes in [maxMessageSize], so every message within that limit is accepted, however it is fragmented.
     * Fragments are joined as they arrive: they cost time, but no memory.
     */
    public var maxFragments: Int
        get() = explicitMaxFragments ?: maxMessageSize
        set(value) {
            require(value >= 1) { "maxFragments must be at least 1, was $value" }
            explicitMaxFragments = value
        }

    /** Maximum nesting depth of arrays and objects in a payload, 1 to 512. Default 64. */
    public var maxNesting: Int = 64
        set(value) {
            require(value in 1..DecodeLimits.MAX_DEPTH) {
                "maxNesting must be 1 to ${DecodeLimits.MAX_DEPTH}, was $value"
            }
            field = value
        }

    /**
     * Messages a client may send per second on average, at least 1; above it, `rate_limited` is returned. Default 100;
     * [Int.MAX_VALUE] for no limit.
     */
    public var messagesPerSecond: Int = 100
        set(value) {
            require(value >= 1) { "messagesPerSecond must be at least 1, was $value" }
            field = value
        }

    /**
     * Messages a client may send at once, at least 1. The same number of rejected messages closes the session (4429);
     * this count decays by [messagesPerSecond]. Pings and pongs count as messages. Default 200.
     */
    public var burst: Int = 200
        set(value) {
            require(value >= 1) { "burst must be at least 1 message, was $value" }
            field = value
        }

    /**
     * Bytes of messages that a client may send per second on average, at least 1,024; above it, `rate_limited` is
     * returned. Default 1 MiB; [Int.MAX_VALUE] for no limit.
     */
    public var bytesPerSecond: Int = MIB
        set(value) {
            require(value >= 1024) { "bytesPerSecond must be at least 1024, was $value" }
            field = value
        }

    /**
     * Bytes of messages that a client may send at once, at least [maxMessageSize]. The same number of rejected bytes
     * closes the session (4429); this count decays by [bytesPerSecond]. Default 4 MiB, or [maxMessageSize] if larger.
     */
    public var byteBurst: Int
        get() = explicitByteBurst ?: maxOf(4 * MIB, maxMessageSize)
        set(value) {
            require(value >= 128) { "byteBurst must be at least 128 bytes, was $value" }
            explicitByteBurst = value
        }

    /**
     * Messages that all sessions of one user on this node may send per second on average, at least 1; above it,
     * `rate_limited` is returned. Applies only to endpoints that declare `user`. Subscribes to declared topics do not
     * count; [maxSessionsPerUser] times [subscribesPerSecond] limits them per user. Default: no limit.
     */
    public var messagesPerSecondPerUser: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "messagesPerSecondPerUser must be at least 1, was $value" }
            field = value
        }

    /**
     * Messages that all sessions of one user may send at once, at least 1. A session with the same number of rejected
     * messages is closed (4429). Default 400.
     */
    public var burstPerUser: Int = 400
        set(value) {
            require(value >= 1) { "burstPerUser must be at least 1 message, was $value" }
            field = value
        }

    /**
     * Topics that a client may subscribe to per second on average, at least 1; above it, `rate_limited` is returned.
     * A subscribe does not also count as a message. Default 50; [Int.MAX_VALUE] for no limit.
     */
    public var subscribesPerSecond: Int = 50
        set(value) {
            require(value >= 1) { "subscribesPerSecond must be at least 1, was $value" }
            field = value
        }

    /**
     * Topics that a client may subscribe to at once, at least 1. If it is below `session { maxTopics }`, a client may
     * be unable to resume all of its topics at once after a reconnect. The same number of rejected subscribes closes
     * the session (4429). Default: twice `maxTopics`, and at least 200.
     */
    public var subscribeBurst: Int
        get() = explicitSubscribeBurst ?: maxOf(200, minOf(2L * maxTopics(), Int.MAX_VALUE.toLong()).toInt())
        set(value) {
            require(value >= 1) { "subscribeBurst must be at least 1, was $value" }
            explicitSubscribeBurst = value
        }

    /** Messages per minute that cannot be decoded before the session is closed (4400), at least 1. Default 10. */
    public var maxBadMessages: Int = 10
        set(value) {
            require(value >= 1) { "maxBadMessages must be at least 1, was $value" }
            field = value
        }

    /** Connections this node accepts, at least 1; further connections receive HTTP 503. Default: no limit. */
    public var maxConnections: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxConnections must be at least 1, was $value" }
            field = value
        }

    /**
     * Connections this node accepts from one address, at least 1; further connections receive HTTP 429. An IPv6 /64
     * network counts as one address. Behind a proxy, install Ktor's `XForwardedHeaders`; otherwise all clients have the
     * address of the proxy. Default: no limit.
     */
    public var maxConnectionsPerAddress: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxConnectionsPerAddress must be at least 1, was $value" }
            field = value
        }

    /**
     * Sessions that one user may open on this node, at least 1; further sessions are closed (1013). Default: no limit.
     */
    public var maxSessionsPerUser: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxSessionsPerUser must be at least 1, was $value" }
            field = value
        }

    /** Maximum time for a client to send its token in an `auth` message, positive. Default 10 s. */
    public var authTimeout: Duration = 10.seconds
        set(value) {
            require(value.isPositive()) { "authTimeout must be positive, was $value" }
            field = value
        }

    /**
     * How long before its token expires a client is notified, at least 1 s. Applies only to endpoints that declare
     * `expires`. Default 60 s.
     */
    public var expiryWarning: Duration = 60.seconds
        set(value) {
            require(value >= 1.seconds) { "expiryWarning must be at least 1s, was $value" }
            field = value
        }

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
