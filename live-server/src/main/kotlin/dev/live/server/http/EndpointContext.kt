package dev.live.server.http

import dev.live.server.frame.Compression
import dev.live.server.limits.AddressCounter
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.UserRates
import dev.live.server.session.SessionRegistry
import dev.live.server.session.SessionSettings
import dev.live.server.topic.TopicRegistry
import dev.live.server.transport.FastPath
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope

/** The parts of the server that its endpoints share. */
internal class EndpointContext(
    val sessions: SessionRegistry,
    val topics: TopicRegistry,
    val sessionSettings: SessionSettings,
    val limits: LimitSettings,
    val compression: Compression?,
    val fastPath: FastPath,
    val scope: CoroutineScope,
    val handlers: CoroutineDispatcher,
    val isDraining: () -> Boolean,
    val now: () -> Long,
) {
    /** Rate limits per user across all endpoints; null without a limit. */
    val users: UserRates? = if (limits.userMessages.isUnlimited) null else UserRates(limits.userMessages)

    /** Connections per address across all endpoints; null without a limit. */
    val addresses: AddressCounter? =
        limits.maxConnectionsPerAddress.takeIf { it < Int.MAX_VALUE }?.let(::AddressCounter)

    /** The limits on frames of clients that have negotiated compression. */
    val compressedFrames = limits.frames.withCompression()

    /** Rejected origins across all endpoints and the admin page. */
    val rejectedOrigins = RejectedOrigins(now)
}
