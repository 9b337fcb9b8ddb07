package dev.live.client.connection

import dev.live.client.transport.REDIRECTED_TO
import dev.live.client.transport.UpgradeRejectedException
import dev.live.protocol.CloseCode
import dev.live.protocol.ReconnectRule
import kotlin.time.Duration

/** Why there is no connection. [toString] is a message for logs and users; it contains no tokens. */
public sealed class DisconnectCause {
    /** Whether and when the client reconnects. */
    internal abstract val rule: ReconnectRule

    /**
     * The server closed the connection.
     *
     * @property code close code
     * @property reason close reason, may be empty
     */
    public class ClosedByServer(public val code: CloseCode, public val reason: String) : DisconnectCause() {
        override val rule: ReconnectRule get() = code.reconnect

        override fun toString(): String = "the server closed with $code${if (reason.isEmpty()) "" else " ($reason)"}"
    }

    /**
     * The server rejected the WebSocket upgrade: 401 not authenticated, 403 origin not allowed, 400 no common
     * subprotocol, 503 connection limit reached. The client does not follow redirects, like browsers.
     *
     * @property status HTTP status of the response
     * @property reason the beginning of the response body as one line without markup, or "redirected to" and the
     *   target; may be empty
     * @property retryAfter the `Retry-After` of the response, or null
     */
    public class UpgradeRejected(
        public val status: Int,
        public val reason: String,
        public val retryAfter: Duration?,
    ) : DisconnectCause() {
        internal constructor(e: UpgradeRejectedException) : this(e.status, e.reason, e.retryAfter)

        override val rule: ReconnectRule
            get() =
                when (status) {
                    UNAUTHORIZED -> ReconnectRule.FreshToken
                    SWITCHING_PROTOCOLS, BAD_REQUEST, FORBIDDEN -> ReconnectRule.Never
                    // a 404 may come from a proxy during a deploy of its backend, so the client retries as for 5xx
                    else -> ReconnectRule.Backoff(retryAfter ?: Duration.ZERO)
                }

        override fun toString(): String =
            when {
                reason.startsWith(REDIRECTED_TO) -> "the server $reason (HTTP $status)"
                reason.isEmpty() -> "the server rejected the upgrade with HTTP $status"
                else -> "the server rejected the upgrade with HTTP $status ($reason)"
            }
    }

    /**
     * The client could not connect to the server.
     *
     * @property error the network error
     */
    public class Unreachable(public val error: Exception) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Abnormal.reconnect

        override fun toString(): String = "the server is unreachable: ${error.message ?: error}"
    }

    /**
     * The server's TLS certificate is not valid: it has expired, is issued for another name, or is not signed by a
     * trusted authority. The client retries as for [Unreachable], because the cause may be temporary, such as a wrong
     * device clock or a captive portal. On JavaScript this is [Unreachable], because browsers do not report
     * certificate errors.
     *
     * @property error the certificate error
     */
    public class CertificateRejected(public val error: Exception) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Abnormal.reconnect

        override fun toString(): String = "the server's certificate is not trusted: ${error.message ?: error}"
    }

    /**
     * The connection broke without a close frame.
     *
     * @property error the network error, if known
     */
    public class ConnectionLost(public val error: Exception?) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Abnormal.reconnect

        override fun toString(): String =
            if (error == null) "the connection was lost" else "the connection was lost: ${error.message ?: error}"
    }

    /**
     * The client received nothing from the server, not even a pong.
     *
     * @property after time without a message
     */
    public class HeartbeatTimeout(public val after: Duration) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.HeartbeatTimeout.reconnect

        override fun toString(): String = "heartbeat timeout: nothing received from the server for $after"
    }

    /**
     * The server sent a message that the client cannot decode, or that exceeds the client's `maxMessageSize`.
     *
     * @property reason description of the error
     */
    public class ProtocolError(public val reason: String) : DisconnectCause() {
        override val rule: ReconnectRule get() = CloseCode.Internal.reconnect

        override fun toString(): String = "protocol error: $reason"
    }

    /**
     * The application provided no bearer token.
     *
     * @property error the exception of the token function
     */
    public class NoToken(public val error: Exception) : DisconnectCause() {
        override val rule: ReconnectRule get() = ReconnectRule.Backoff()

        override fun toString(): String = "the bearer function failed: ${error.message ?: error}"
    }

    /** The server rejected the token, and the application provided the same token again. */
    public object StaleToken : DisconnectCause() {
        override val rule: ReconnectRule get() = ReconnectRule.Never

        override fun toString(): String =
            "the server rejected the token, and the bearer function returned the same token again"
    }

    /** The application closed this client. */
    public object ClosedByClient : DisconnectCause() {
        override val rule: ReconnectRule get() = ReconnectRule.Never

        override fun toString(): String = "the application closed the client"
    }

    private companion object {
        const val SWITCHING_PROTOCOLS = 101 // with a subprotocol that the client did not offer
        const val BAD_REQUEST = 400
        const val UNAUTHORIZED = 401
        const val FORBIDDEN = 403
    }
}
