package dev.live.client.connection

import kotlin.time.Duration
import kotlin.time.TimeMark

/**
 * State of a client's connection. The first state is [Connecting], the last one is [Closed].
 *
 * ```
 * Connecting -> Connected -> Waiting -> Connecting -> ... -> Closed
 * ```
 *
 * [Paused] may precede any [Connecting], and may replace a [Waiting].
 */
public sealed class ConnectionState {
    /**
     * The client is opening a connection.
     *
     * @property attempt 0 for the first connection; n for the n-th reconnect since the last stable connection
     */
    public class Connecting(public val attempt: Int) : ConnectionState() {
        override fun equals(other: Any?): Boolean = other is Connecting && attempt == other.attempt

        override fun hashCode(): Int = attempt

        override fun toString(): String = "Connecting(attempt=$attempt)"
    }

    /**
     * The connection is open. The subscriptions are being restored, or are restored already.
     *
     * @property since time when the connection was opened
     * @property subprotocol subprotocol of the negotiated codec, such as `live.v1.json`
     */
    public class Connected(public val since: TimeMark, public val subprotocol: String) : ConnectionState() {
        override fun toString(): String = "Connected($subprotocol)"
    }

    /**
     * There is no connection. The next attempt is scheduled.
     *
     * @property attempt the number of the next attempt, as in [Connecting]
     * @property delay total length of the wait
     * @property until time of the next attempt
     * @property cause why there is no connection
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
     * There is no connection, and the client does not try to connect while [cause] lasts. After that it connects
     * immediately, or after the rest of a wait that the server requested.
     *
     * @property cause why the client does not connect
     */
    public class Paused(public val cause: PauseReason) : ConnectionState() {
        override fun equals(other: Any?): Boolean = other is Paused && cause == other.cause

        override fun hashCode(): Int = cause.hashCode()

        override fun toString(): String = "Paused($cause)"
    }

    /**
     * There is no connection, and the client does not reconnect.
     *
     * @property cause why the client is closed; if the [ReconnectPolicy] gave up, the last disconnect cause
     */
    public class Closed(public val cause: DisconnectCause) : ConnectionState() {
        override fun toString(): String = "Closed($cause)"
    }
}

/** Why a client does not try to connect. */
public enum class PauseReason {
    /** The [NetworkMonitor] reports no network. */
    NoNetwork,

    /** The [AppLifecycle] has reported the background for longer than the client's `backgroundGrace`. */
    Background,
}
