package dev.live.client.connection

import kotlin.time.Duration
import kotlin.time.TimeMark

/**
 * How a client stands with its server. It begins at [Connecting], and [Closed] is the last.
 *
 * ```
 * Connecting -> Connected -> Waiting -> Connecting -> ... -> Closed
 * ```
 */
public sealed class ConnectionState {
    /**
     * A connection is being opened.
     *
     * @property attempt 0 for the first; n for the n-th reconnect since a connection last proved itself
     */
    public class Connecting(public val attempt: Int) : ConnectionState() {
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
     * There is no connection and there will be none.
     *
     * @property cause who or what ended it; where the [ReconnectPolicy] gave up, what it gave up on
     */
    public class Closed(public val cause: DisconnectCause) : ConnectionState() {
        override fun toString(): String = "Closed($cause)"
    }
}
