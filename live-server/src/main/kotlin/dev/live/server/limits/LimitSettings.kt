package dev.live.server.limits

import dev.live.protocol.DecodeLimits
import kotlin.time.Duration

/** What `limits { }` and `origins { }` set, frozen. */
internal class LimitSettings(
    val messageSize: Int,
    val decode: DecodeLimits,
    val messagesPerSecond: Int,
    val burst: Int,
    val badMessages: Int,
    val connections: Int,
    val sessionsPerUser: Int,
    val authTimeout: Duration,
    val origins: OriginPolicy,
)
