package dev.live.protocol

import kotlin.jvm.JvmField
import kotlin.jvm.JvmStatic
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The reason why a connection ended: the code of the WebSocket close frame, with the client's reconnect rule.
 *
 * @property wire the numeric code in the close frame
 * @property reconnect whether and when a client may reconnect
 */
public class CloseCode private constructor(public val wire: Int, public val reconnect: ReconnectRule) {
    override fun equals(other: Any?): Boolean = other is CloseCode && wire == other.wire

    override fun hashCode(): Int = wire

    override fun toString(): String = wire.toString()

    public companion object {
        /** Maximum consecutive reconnects after violations of RFC 6455; further ones mean a permanent error. */
        private const val VIOLATIONS_IN_A_ROW = 5

        /** The client closed the connection, or the server ended the session permanently. */
        @JvmField
        public val Normal: CloseCode = CloseCode(1000, ReconnectRule.Never)

        /** The endpoint is going away, such as a server that shuts down or a page that is left. */
        @JvmField
        public val GoingAway: CloseCode = CloseCode(1001, ReconnectRule.Backoff())

        /** The peer violated RFC 6455, for example with an unmasked frame. */
        @JvmField
        public val WebSocketViolated: CloseCode =
            CloseCode(1002, ReconnectRule.Backoff(maxInARow = VIOLATIONS_IN_A_ROW))

        /** The connection was lost without a close frame. Never sent on the wire. */
        @JvmField
        public val Abnormal: CloseCode = CloseCode(1006, ReconnectRule.Backoff())

        /** A text message was not valid UTF-8, or a compressed message could not be decompressed. */
        @JvmField
        public val InvalidText: CloseCode = CloseCode(1007, ReconnectRule.Backoff(maxInARow = VIOLATIONS_IN_A_ROW))

        /** A message violated a server policy that has no code of its own, such as the maximum number of fragments. */
        @JvmField
        public val PolicyViolated: CloseCode = CloseCode(1008, ReconnectRule.Backoff(maxInARow = VIOLATIONS_IN_A_ROW))

        /** A message exceeded the size limit. The client must not send the same message again. */
        @JvmField
        public val TooLarge: CloseCode = CloseCode(1009, ReconnectRule.Backoff())

        /** An internal error of the server. */
        @JvmField
        public val Internal: CloseCode = CloseCode(1011, ReconnectRule.Backoff())

        /** The server is restarting. */
        @JvmField
        public val Restart: CloseCode = CloseCode(1012, ReconnectRule.GoodbyeWindow)

        /** A limit is exceeded; the client may try again later. */
        @JvmField
        public val TryAgainLater: CloseCode = CloseCode(1013, ReconnectRule.Backoff(minDelay = 5.seconds))

        /** The client violated the protocol. */
        @JvmField
        public val ProtocolViolated: CloseCode = CloseCode(4400, ReconnectRule.Never)

        /** Not authenticated, or the token expired. */
        @JvmField
        public val NotAuthenticated: CloseCode = CloseCode(4401, ReconnectRule.FreshToken)

        /** The server application kicked this session. */
        @JvmField
        public val Kicked: CloseCode = CloseCode(4403, ReconnectRule.Never)

        /** Nothing was received within the heartbeat timeout. */
        @JvmField
        public val HeartbeatTimeout: CloseCode = CloseCode(4408, ReconnectRule.Backoff())

        /** The client sent too many messages. */
        @JvmField
        public val TooManyMessages: CloseCode = CloseCode(4429, ReconnectRule.Backoff())

        /** The session's queue overflowed, or the client read no bytes within the write timeout. Messages were lost. */
        @JvmField
        public val SlowConsumer: CloseCode = CloseCode(4508, ReconnectRule.Backoff())

        /** Every code of the protocol. */
        @JvmField
        public val All: List<CloseCode> =
            listOf(
                Normal,
                GoingAway,
                WebSocketViolated,
                Abnormal,
                InvalidText,
                PolicyViolated,
                TooLarge,
                Internal,
                Restart,
                TryAgainLater,
                ProtocolViolated,
                NotAuthenticated,
                Kicked,
                HeartbeatTimeout,
                TooManyMessages,
                SlowConsumer,
            )

        private val byWire = All.associateBy { it.wire }

        /** The close code with the number [wire]. A code unknown to this version reconnects with backoff. */
        @JvmStatic
        public fun of(wire: Int): CloseCode = byWire[wire] ?: CloseCode(wire, ReconnectRule.Backoff())
    }
}

/** The client's behavior after a connection ended. */
public sealed class ReconnectRule {
    /** Stay closed. */
    public object Never : ReconnectRule() {
        override fun toString(): String = "Never"
    }

    /**
     * Reconnect with exponential backoff and jitter.
     *
     * @property minDelay minimum delay before each reconnect after this code, zero or more
     * @property maxInARow maximum number of consecutive reconnects after connections that ended with this code; then
     *   the client stays closed. A stable connection in between resets the count
     */
    public class Backoff(
        public val minDelay: Duration = Duration.ZERO,
        public val maxInARow: Int = Int.MAX_VALUE,
    ) : ReconnectRule() {
        override fun toString(): String {
            val limit = if (maxInARow == Int.MAX_VALUE) "" else ", maxInARow=$maxInARow"
            return "Backoff(minDelay=$minDelay$limit)"
        }
    }

    /** Reconnect only with a token that differs from the rejected one. */
    public object FreshToken : ReconnectRule() {
        override fun toString(): String = "FreshToken"
    }

    /** Reconnect after a random delay in the window of the server's `goodbye`; without a `goodbye`, like [Backoff]. */
    public object GoodbyeWindow : ReconnectRule() {
        override fun toString(): String = "GoodbyeWindow"
    }
}
