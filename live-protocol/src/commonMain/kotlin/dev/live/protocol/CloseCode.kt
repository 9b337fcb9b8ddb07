package dev.live.protocol

import kotlin.jvm.JvmField
import kotlin.jvm.JvmStatic
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * Why a connection ended: the code of the WebSocket close frame, with what a client does next.
 *
 * @property wire the code as it is written on the wire
 * @property reconnect whether and when a client may connect again
 */
public class CloseCode private constructor(public val wire: Int, public val reconnect: ReconnectRule) {
    override fun equals(other: Any?): Boolean = other is CloseCode && wire == other.wire

    override fun hashCode(): Int = wire

    override fun toString(): String = wire.toString()

    public companion object {
        /** A client that violates RFC 6455 once more after so many new connections is not going to stop. */
        private const val VIOLATIONS_IN_A_ROW = 5

        /** The client said goodbye, or the server ended the session for good. */
        @JvmField
        public val Normal: CloseCode = CloseCode(1000, ReconnectRule.Never)

        /** One side goes away. */
        @JvmField
        public val GoingAway: CloseCode = CloseCode(1001, ReconnectRule.Backoff())

        /** RFC 6455 was violated, such as by a frame that is not masked. */
        @JvmField
        public val WebSocketViolated: CloseCode =
            CloseCode(1002, ReconnectRule.Backoff(maxInARow = VIOLATIONS_IN_A_ROW))

        /** No close frame came: the connection broke. Never written on the wire. */
        @JvmField
        public val Abnormal: CloseCode = CloseCode(1006, ReconnectRule.Backoff())

        /** A text message was not valid UTF-8. */
        @JvmField
        public val InvalidText: CloseCode = CloseCode(1007, ReconnectRule.Backoff(maxInARow = VIOLATIONS_IN_A_ROW))

        /** A message broke a rule of the server that no other code describes, such as too many fragments. */
        @JvmField
        public val PolicyViolated: CloseCode = CloseCode(1008, ReconnectRule.Backoff(maxInARow = VIOLATIONS_IN_A_ROW))

        /** A message was larger than the limit; what was sent must not be sent again. */
        @JvmField
        public val TooLarge: CloseCode = CloseCode(1009, ReconnectRule.Backoff())

        /** The server failed. */
        @JvmField
        public val Internal: CloseCode = CloseCode(1011, ReconnectRule.Backoff())

        /** The server restarts. */
        @JvmField
        public val Restart: CloseCode = CloseCode(1012, ReconnectRule.GoodbyeWindow)

        /** Over a limit, try again later. */
        @JvmField
        public val TryAgainLater: CloseCode = CloseCode(1013, ReconnectRule.Backoff(minDelay = 5.seconds))

        /** The client violated the protocol. */
        @JvmField
        public val ProtocolViolated: CloseCode = CloseCode(4400, ReconnectRule.Never)

        /** Not authenticated, or the token ran out. */
        @JvmField
        public val NotAuthenticated: CloseCode = CloseCode(4401, ReconnectRule.FreshToken)

        /** The server threw this session out. */
        @JvmField
        public val Kicked: CloseCode = CloseCode(4403, ReconnectRule.Never)

        /** Nothing was heard within the heartbeat's timeout. */
        @JvmField
        public val HeartbeatTimeout: CloseCode = CloseCode(4408, ReconnectRule.Backoff())

        /** The client sent too many messages. */
        @JvmField
        public val TooManyMessages: CloseCode = CloseCode(4429, ReconnectRule.Backoff())

        /** The session's queue overflowed, or the client took no bytes for the write timeout. Messages were lost. */
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

        /** The code written as [wire]; one that this version does not know reconnects with backoff. */
        @JvmStatic
        public fun of(wire: Int): CloseCode = byWire[wire] ?: CloseCode(wire, ReconnectRule.Backoff())
    }
}

/** What a client does after a connection ended. */
public sealed class ReconnectRule {
    /** Stay closed. */
    public object Never : ReconnectRule() {
        override fun toString(): String = "Never"
    }

    /**
     * Connect again with growing, random delays.
     *
     * @property minDelay the shortest first delay, zero or more
     * @property maxInARow how many times in a row a client connects again after a connection that ended with such a
     *   code; then it stays closed. A connection that proves useful in between ends the row
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

    /** Connect again only with a token other than the one that was refused. */
    public object FreshToken : ReconnectRule() {
        override fun toString(): String = "FreshToken"
    }

    /** Connect again after a random time in the window of the server's `goodbye`; without one, as [Backoff]. */
    public object GoodbyeWindow : ReconnectRule() {
        override fun toString(): String = "GoodbyeWindow"
    }
}
