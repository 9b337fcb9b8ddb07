package dev.live.server.limits

import dev.live.protocol.DecodeLimits
import dev.live.server.transport.FrameLimits
import kotlin.time.Duration

/** The immutable settings of `limits { }` and `origins { }`. */
internal class LimitSettings(
    val frames: FrameLimits,
    val decode: DecodeLimits,
    val messages: Rate,
    val bytes: Rate,
    val userMessages: Rate,
    val subscribes: Rate,
    val maxBadMessages: Int,
    val maxConnections: Int,
    val maxConnectionsPerAddress: Int,
    val maxSessionsPerUser: Int,
    val authTimeout: Duration,
    val expiryWarning: Duration,
    val origins: OriginPolicy,
)
