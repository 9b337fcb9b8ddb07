package dev.live.client.connection

import dev.live.client.transport.REDIRECTED_TO
import dev.live.client.transport.UpgradeRefusedException
import dev.live.protocol.CloseCode
import dev.live.protocol.ReconnectRule
import kotlin.time.Duration

/** Why there is no connection. [toString] is one sentence for a log or a person, without tokens. */
public sealed class DisconnectCause {
    /** Whether and when this allows another try. */
    internal abstract val rule: ReconnectRule

    /**
     * The server ended the connection.
     *
     * @property code of its close frame
     * @property reason what it said, may be empty
     */
    public class ClosedByServer(public val code: CloseCode, public val reason: String) : DisconnectCause() {
        override val rule: ReconnectRule get() = code.reconnect

        override fun toString(): String = "the server closed with $code${if (reason.isEmpty()) "" else " ($reason)"}"
    }

    /**
     * The server answered the upgrade with something other than a WebSocket: 401 not authenticated, 403 origin refused,
     * 400 no subprotocol in common, 503 over its limit. A redirect is not followed, as browsers do not.
     *
     * @property status the HTTP status
     * @property reason the beginning of the answer's body as one line without markup, or "redirected to" and where to; may
     *   be empty
     * @property retryAfter what the server asked to wait, or null
     */
    public class UpgradeRefused(
        public val status: Int,
        public val reason: String,
        public val retryAfter: Duration?,
    ) : DisconnectCause() {
        internal constructor(e: UpgradeRefusedException) : this(e.status, e.reason, e.retryAfter)

        override val rule: ReconnectRule
            get() =
                when (status) {
                    UNAUTHORIZED -> ReconnectRule.FreshToken
                    SWITCHING_PROTOCOLS, BAD_REQUEST, FORBIDDEN -> ReconnectRule.Never
                    // a 404 may be a proxy whose backend is being deployed, so it is tried again like the 5xx
                    else -> ReconnectRule.Backoff(retryAfter ?: Duration.ZERO)
                }

        override fun toString(): String =
            when {
                reason.startsWith(REDIRECTED_TO) -> "the server $reason (HTTP $status)"
                reason.isEmpty() -> "the server refused the upgrade with HTTP $status"
                else -> "the server refused the upgrade with HTTP $status ($reason)"
            }
    }

    /**
     * No server was reached.
     *
     * @property error what the network said
     */
    public class Unreachable(public val error: Exception) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Abnormal.reconnect

        override fun toString(): String = "the server was not reached: ${error.message ?: error}"
    }

    /**
     * Something answered, but its certificate does not prove that it is the server: it has expired, is for another name or
     * signed by nobody whom this device trusts. Or the device's clock is wrong, or a network's login page is in between: so
     * it is tried again, as if nobody were there. On JavaScript this is [Unreachable], for a browser does not tell.
     *
     * @property error what was wrong with the certificate
     */
    public class CertificateRejected(public val error: Exception) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Abnormal.reconnect

        override fun toString(): String = "the server's certificate is not trusted: ${error.message ?: error}"
    }

    /**
     * The connection broke without a goodbye.
     *
     * @property error what broke it, where something is known
     */
    public class ConnectionLost(public val error: Exception?) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Abnormal.reconnect

        override fun toString(): String =
            if (error == null) "the connection broke" else "the connection broke: ${error.message ?: error}"
    }

    /**
     * Nothing was heard from the server, not even an answer to a ping.
     *
     * @property after how long the silence was
     */
    public class HeartbeatTimeout(public val after: Duration) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.HeartbeatTimeout.reconnect

        override fun toString(): String = "nothing was heard from the server for $after"
    }

    /**
     * The server said something that this client cannot read, or that is over its `maxMessageSize`.
     *
     * @property reason what was wrong with it
     */
    public class ProtocolError(public val reason: String) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Internal.reconnect

        override fun toString(): String = "the server was not understood: $reason"
    }

    /**
     * The application gave no bearer token.
     *
     * @property error what its token function threw
     */
    public class NoToken(public val error: Exception) : DisconnectCause() {
        override val rule: ReconnectRule get() = ReconnectRule.Backoff()

        override fun toString(): String = "the bearer function failed: ${error.message ?: error}"
    }

    /** The server refused the token and the application had only the same one again. */
    public object StaleToken : DisconnectCause() {
        override val rule: ReconnectRule get() = ReconnectRule.Never

        override fun toString(): String = "the server refused the token, and the bearer function gave the same again"
    }

    /** This client was closed. */
    public object ClosedByClient : DisconnectCause() {
        override val rule: ReconnectRule get() = ReconnectRule.Never

        override fun toString(): String = "this client was closed"
    }

    private companion object {
        const val SWITCHING_PROTOCOLS = 101 // to a subprotocol that was not offered
        const val BAD_REQUEST = 400
        const val UNAUTHORIZED = 401
        const val FORBIDDEN = 403
    }
}
