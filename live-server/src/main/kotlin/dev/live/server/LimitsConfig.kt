package dev.live.server

import dev.live.protocol.DecodeLimits
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.OriginPolicy
import dev.live.server.limits.Rate
import dev.live.server.transport.FrameLimits
import io.ktor.utils.io.KtorDsl
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** What `limits { ... }` can set. */
@KtorDsl
public class LimitsConfig internal constructor(private val maxTopics: () -> Int) {
    private var givenByteBurst: Int? = null
    private var givenSubscribeBurst: Int? = null
    private var givenFragments: Int? = null

    /**
     * Largest message a client may send, in bytes, at least 128; a larger one closes its session (1009). Default 64 KiB.
     */
    public var maxMessageSize: Int = 64 * 1024
        set(value) {
            require(value >= 128) { "maxMessageSize must be at least 128 bytes, was $value" }
            field = value
        }

    /**
     * Frames that a client may send one message in, at least 1; one more closes its session (1008). Default: as many as
     * [maxMessageSize] has bytes, so that every message within that limit passes, whatever its fragments. Fragments are put
     * together as they come: they cost time, and no memory.
     */
    public var maxFragments: Int
        get() = givenFragments ?: maxMessageSize
        set(value) {
            require(value >= 1) { "maxFragments must be at least 1, was $value" }
            givenFragments = value
        }

    /** How deep arrays and objects may nest in a payload, 1 to 512. Default 64. */
    public var maxNesting: Int = 64
        set(value) {
            require(value in 1..DecodeLimits.MAX_DEPTH) { "maxNesting must be 1 to ${DecodeLimits.MAX_DEPTH}, was $value" }
            field = value
        }

    /**
     * Messages a client may send per second on average, at least 1; more are answered with `rate_limited`. Default 100;
     * [Int.MAX_VALUE] for no limit.
     */
    public var messagesPerSecond: Int = 100
        set(value) {
            require(value >= 1) { "messagesPerSecond must be at least 1, was $value" }
            field = value
        }

    /**
     * Messages a client may send at once, at least 1. As many refusals, which fade at the rate of [messagesPerSecond],
     * close its session (4429). Pings and pongs count as messages. Default 200.
     */
    public var burst: Int = 200
        set(value) {
            require(value >= 1) { "burst must be at least 1 message, was $value" }
            field = value
        }

    /**
     * Bytes of messages that a client may send per second on average, at least 1,024; more are answered with
     * `rate_limited`. Default 1 MiB; [Int.MAX_VALUE] for no limit.
     */
    public var bytesPerSecond: Int = MIB
        set(value) {
            require(value >= 1024) { "bytesPerSecond must be at least 1024, was $value" }
            field = value
        }

    /**
     * Bytes of messages that a client may send at once, at least [maxMessageSize]. As many refused ones, which fade at the
     * rate of [bytesPerSecond], close its session (4429). Default 4 MiB, or [maxMessageSize] where that is more.
     */
    public var byteBurst: Int
        get() = givenByteBurst ?: maxOf(4 * MIB, maxMessageSize)
        set(value) {
            require(value >= 128) { "byteBurst must be at least 128 bytes, was $value" }
            givenByteBurst = value
        }

    /**
     * Messages that all sessions of one user on this node may send per second on average, at least 1; more are answered
     * with `rate_limited`. Counts where the endpoint says who the `user` is. A subscribe to a declared topic does not
     * count: [maxSessionsPerUser] times [subscribesPerSecond] bounds those of a user. Default: no limit.
     */
    public var messagesPerSecondPerUser: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "messagesPerSecondPerUser must be at least 1, was $value" }
            field = value
        }

    /**
     * Messages that all sessions of one user may send at once, at least 1. A session that was refused as many is closed
     * (4429). Default 400.
     */
    public var burstPerUser: Int = 400
        set(value) {
            require(value >= 1) { "burstPerUser must be at least 1 message, was $value" }
            field = value
        }

    /**
     * Topics that a client may subscribe to per second on average, at least 1; more are answered with `rate_limited`.
     * A subscribe does not count as a message besides. Default 50; [Int.MAX_VALUE] for no limit.
     */
    public var subscribesPerSecond: Int = 50
        set(value) {
            require(value >= 1) { "subscribesPerSecond must be at least 1, was $value" }
            field = value
        }

    /**
     * Topics that a client may subscribe to at once, at least 1: below `session { maxTopics }`, a client that comes
     * back does not get all of its topics back at once. As many refusals close its session (4429). Default: twice
     * `maxTopics`, and at least 200.
     */
    public var subscribeBurst: Int
        get() = givenSubscribeBurst ?: maxOf(200, minOf(2L * maxTopics(), Int.MAX_VALUE.toLong()).toInt())
        set(value) {
            require(value >= 1) { "subscribeBurst must be at least 1, was $value" }
            givenSubscribeBurst = value
        }

    /** Messages within a minute that cannot be decoded before the session is closed (4400), at least 1. Default 10. */
    public var maxBadMessages: Int = 10
        set(value) {
            require(value >= 1) { "maxBadMessages must be at least 1, was $value" }
            field = value
        }

    /** Connections this node accepts, at least 1; one more is answered with HTTP 503. Default: no limit. */
    public var maxConnections: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxConnections must be at least 1, was $value" }
            field = value
        }

    /**
     * Connections this node accepts from one address, at least 1; one more is answered with HTTP 429. A /64 network of
     * IPv6 counts as one address. Behind a proxy, install Ktor's `XForwardedHeaders`, or all clients have that of the
     * proxy. Default: no limit.
     */
    public var maxConnectionsPerAddress: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxConnectionsPerAddress must be at least 1, was $value" }
            field = value
        }

    /** Sessions one user may have on this node, at least 1; one more is closed (1013). Default: no limit. */
    public var maxSessionsPerUser: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxSessionsPerUser must be at least 1, was $value" }
            field = value
        }

    /** How long a client may take to send its token where that comes in a message, positive. Default 10 s. */
    public var authTimeout: Duration = 10.seconds
        set(value) {
            require(value.isPositive()) { "authTimeout must be positive, was $value" }
            field = value
        }

    /**
     * How long before its token runs out a client is told, where the endpoint says when it `expires`, at least 1 s.
     * Default 60 s.
     */
    public var expiryWarning: Duration = 60.seconds
        set(value) {
            require(value >= 1.seconds) { "expiryWarning must be at least 1s, was $value" }
            field = value
        }

    internal fun build(origins: OriginPolicy): LimitSettings {
        check(byteBurst >= maxMessageSize) {
            "byteBurst ($byteBurst) must not be below maxMessageSize ($maxMessageSize): the largest message would never pass"
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
