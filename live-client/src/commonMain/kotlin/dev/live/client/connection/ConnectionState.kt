package dev.live.client.connection

import kotlin.time.Duration
import kotlin.time.TimeMark

/**
 * How a client stands with its server. It begins at [Connecting], and [Closed] is the last.
 *
 * ```
 * Connecting -> Connected -> Waiting -> Connecting -> ... -> Closed
 * ```
 *
 * [Paused] may stand before any [Connecting], and in place of a [Waiting].
 */
public sealed class ConnectionState {
    /**
     * A connection is being opened.
     *
     * @property attempt 0 for the first; n for the n-th reconnect since a connection last proved itself
     */
    public class Connecting(public val attempt: Int) : ConnectionState() {
        override fun equals(other: Any?): Boolean = other is Connecting && attempt == other.attempt

        override fun hashCode(): Int = attempt

        override fun toString(): String = "Connecting(attempt=$attempt)"
    }

    /**
     * A connection stands; subscriptions are being restored on it or already are.
     *
     * @property since when it was opened
     * @property subprotocol of the codec that client and server agreed on, such as `live.v1.json`
     */
    public class Connected(public val since: TimeMark, public val subprotocol: String) : ConnectionState() {
        override fun toString(): String = "Connected($subprotocol)"
    }

    /**
     * There is no connection, and the next attempt has its time.
     *
     * @property attempt the number of that attempt, as in [Connecting]
     * @property delay how long the whole wait is
     * @property until when it is over
     * @property cause cause there is no connection
     */
    public class Waiting(
        public val attempt: Int,
        public val delay: Duration,
        public val until: TimeMark,
        public val cause: DisconnectCause,
    ) : ConnectionState() {
        override fun toString(): String = "Waiting(attempt=$attempt, delay=$delay, cause=$cause)"
    }

    /**
     * There is no connection, and no attempt as long as [cause] holds. Then one is made at once, or after what is left of
     * a wait that the server asked for.
     *
     * @property cause what it waits for the end of
     */
    public class Paused(public val cause: PauseReason) : ConnectionState() {
        override fun equals(other: Any?): Boolean = other is Paused && cause == other.cause

        override fun hashCode(): Int = cause.hashCode()

        override fun toString(): String = "Paused($cause)"
    }

    /**
     * There is no connection and there will be none.
     *
     * @property cause who or what ended it; where the [ReconnectPolicy] gave up, what it gave up on
     */
    public class Closed(public val cause: DisconnectCause) : ConnectionState() {
        override fun toString(): String = "Closed($cause)"
    }
}

/** Why a client does not try to connect. */
public enum class PauseReason {
    /** The device has no network, as its [NetworkMonitor] says. */
    NoNetwork,

    /** The application has been in the background for long enough, as its [AppLifecycle] says. */
    Background,
}
