package dev.live.server.limits

import dev.live.protocol.DecodeLimits
import kotlin.time.Duration

/** What `limits { }` and `origins { }` set, frozen. */
internal class LimitSettings(
    val messageSize: Int,
    val decode: DecodeLimits,
    val messages: Rate,
    val bytes: Rate,
    val userMessages: Rate,
    val subscribes: Rate,
    val badMessages: Int,
    val connections: Int,
    val connectionsPerAddress: Int,
    val sessionsPerUser: Int,
    val authTimeout: Duration,
    val expiryWarning: Duration,
    val origins: OriginPolicy,
)
