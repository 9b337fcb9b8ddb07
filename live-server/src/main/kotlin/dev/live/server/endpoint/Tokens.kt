package dev.live.server.endpoint

import dev.live.protocol.AuthData
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.toMessage
import dev.live.server.session.CloseReason
import dev.live.server.session.Expiry
import dev.live.server.session.Session
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Instant

/**
 * The tokens behind the sessions of one endpoint: when they run out, and how an `auth` message renews them.
 *
 * @param warning how long before its token runs out a client is told
 * @param clock what an [Instant] is compared with; from there on [now] counts, which no operator turns back
 */
internal class Tokens<Meta : Any>(
    private val endpoint: LiveEndpoint<Meta>,
    private val guard: HandlerGuard,
    private val warning: Duration,
    private val now: () -> Long,
    private val clock: Clock = Clock.System,
) {
    /** Watches the token of [session] from now on; if it has run out already, why there is to be no session. */
    fun begin(session: Session<Meta>): CloseReason? {
        val expiry = expiryOf(session.meta) ?: return null
        if (expiry.at <= now()) return CloseReason(CloseCode.NotAuthenticated, Expiry.RAN_OUT, byClient = false)
        session.state.expiry = expiry
        return null
    }

    suspend fun renew(session: Session<Meta>, message: Message) {
        val token = message.decode<AuthData>().token
        var meta: Meta? = null
        var expiry: Expiry? = null
        guard.handler(session) {
            meta = endpoint.authenticateByMessage?.invoke(token)?.takeIf { isSame(it, session) }
            expiry = meta?.let(::expiryOf)
        }
        val accepted = meta
        val end = expiry?.at
        if (accepted == null || (end != null && end <= now()) || !session.state.renew(expiry)) {
            session.send(LiveException(ErrorCode.Forbidden, NOT_ACCEPTED).toMessage(ref = message.ref))
            session.close(CloseCode.NotAuthenticated, NOT_ACCEPTED)
            return
        }
        session.renew(accepted)
        session.send(Message(MessageType.ACK, ref = message.ref))
    }

    /**
     * Whether [fresh] is whom [session] was begun by. It is found by its user and was let into topics as that user, so
     * another one needs another session. Where no user is known, all that is said of somebody has to be the same.
     */
    private fun isSame(fresh: Meta, session: Session<Meta>): Boolean {
        val user = endpoint.user?.invoke(fresh)
        return user == session.user && (user != null || fresh == session.meta)
    }

    private fun expiryOf(meta: Meta): Expiry? {
        val instant = endpoint.expires?.invoke(meta) ?: return null
        val left = (instant - clock.now()).inWholeMilliseconds.coerceIn(-FAR, FAR)
        val at = now() + left
        if (endpoint.authenticateByMessage == null) return Expiry(at, warnAt = Long.MAX_VALUE) // it could not renew
        // at most half of its time before the end: a token that is short-lived must not be due as soon as it is fresh
        return Expiry(at, at - minOf(warning.inWholeMilliseconds, left / 2))
    }

    private companion object {
        /** So far off that nobody will see it, and near enough to be added to. */
        const val FAR = Long.MAX_VALUE / 4
    }
}

internal const val NOT_ACCEPTED = "the token was not accepted"
