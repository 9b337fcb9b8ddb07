package dev.live.server.http

import dev.live.protocol.CloseCode
import dev.live.server.broker.Broker
import dev.live.server.frame.wellFormed
import dev.live.server.limits.AddressCounter
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.UserRates
import dev.live.server.session.CloseReason
import dev.live.server.session.Session
import dev.live.server.session.SessionHandler
import dev.live.server.session.SessionRegistry
import dev.live.server.session.SessionRunner
import dev.live.server.session.SessionRuntime
import dev.live.server.session.SessionSettings
import dev.live.server.topic.TopicRegistry
import dev.live.server.transport.FastPath
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.watchDisconnect
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.plugins.origin
import io.ktor.server.response.respond
import io.ktor.server.response.respondText
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import java.io.IOException
import java.security.SecureRandom
import kotlin.time.Clock

/** The parts of the server that its endpoints share. */
internal class EndpointContext(
    val sessions: SessionRegistry,
    val topics: TopicRegistry,
    val broker: Broker,
    val sessionSettings: SessionSettings,
    val limits: LimitSettings,
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

    /** Rejected origins across all endpoints and the admin page. */
    val rejectedOrigins = RejectedOrigins(now)
}
