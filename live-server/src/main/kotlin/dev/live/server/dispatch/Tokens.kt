package dev.live.server.dispatch

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.toMessage
import dev.live.server.dialect.ClientCommand
import dev.live.server.endpoint.EndpointSpec
import dev.live.server.session.CloseReason
import dev.live.server.session.Expiry
import dev.live.server.session.Session
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Instant

/**
 * The token expiry of the sessions of one endpoint, and the renewal of tokens by `auth` messages.
 *
 * @param warning how long before the expiry a client is notified
 * @param clock wall clock, only used to convert an [Instant]; [now] is monotonic and measures the remaining time
 */
internal class Tokens<Meta : Any>(
    private val endpoint: EndpointSpec<Meta>,
    private val warning: Duration,
    private val now: () -> Long,
    private val clock: Clock = Clock.System,
) {
    /** Starts tracking the token of [session]. Returns the close reason if the token has already expired. */
    fun begin(session: Session<Meta>): CloseReason? {
        val expiry = expiryOf(session.meta) ?: return null
        if (expiry.at <= now()) return CloseReason(CloseCode.NotAuthenticated, Expiry.TOKEN_EXPIRED, byClient = false)
        session.state.expiry = expiry
        return null
    }

    /** @param guard nested if an interceptor has made the message, because its handler call then has the time limit */
    suspend fun renew(session: Session<Meta>, command: ClientCommand.Authenticate, guard: HandlerGuard) {
        var meta: Meta? = null
        var expiry: Expiry? = null
        guard.callHandler(session) {
            meta = endpoint.authenticateByMessage?.invoke(command.token)?.takeIf { isSameClient(it, session) }
            expiry = meta?.let(::expiryOf)
        }
        val accepted = meta
        val expiresAt = expiry?.at
        if (accepted == null || (expiresAt != null && expiresAt <= now()) || !session.state.renew(expiry)) {
            session.send(LiveException(ErrorCode.Forbidden, NOT_ACCEPTED).toMessage(ref = command.ref))
            session.close(CloseCode.NotAuthenticated, NOT_ACCEPTED)
            return
        }
        session.renew(accepted)
        session.send(Message(MessageType.ACK, ref = command.ref))
    }

    /**
     * Whether [renewed] belongs to the client of [session]. The session is registered under its user and was authorized
     * for topics as that user, so another user needs another session. Without a user, the whole meta must be equal.
     */
    private fun isSameClient(renewed: Meta, session: Session<Meta>): Boolean {
        val user = endpoint.user?.invoke(renewed)
        return user == session.user && (user != null || renewed == session.meta)
    }

    private fun expiryOf(meta: Meta): Expiry? {
        val instant = endpoint.expires?.invoke(meta) ?: return null
        val remaining = (instant - clock.now()).inWholeMilliseconds.coerceIn(-FAR, FAR)
        val at = now() + remaining
        if (endpoint.authenticateByMessage == null) return Expiry(at, warnAt = Long.MAX_VALUE) // cannot be renewed
        // At most half of the remaining time: a short-lived token must not be due for renewal as soon as it is issued.
        return Expiry(at, at - minOf(warning.inWholeMilliseconds, remaining / 2))
    }

    private companion object {
        /** Longer than any real expiry, and small enough that additions do not overflow. */
        const val FAR = Long.MAX_VALUE / 4
    }
}

internal const val NOT_ACCEPTED = "the token was not accepted"
