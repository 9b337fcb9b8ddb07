package dev.live.server.broker

import kotlin.time.Duration

/**
 * A snapshot of a [Broker] on this node, for health checks and metrics.
 *
 * @property state whether the broker can publish and receive
 * @property away how long it has not been able to; zero while it is [BrokerState.Connected]
 * @property outbox publications of this node that the broker has not confirmed
 * @property reconnects connections that were opened after a loss, since the start
 * @property dropped received publications that the broker dropped because this node delivered too slowly, since the
 *   start. The server reads them from the history or reports a gap
 */
public class BrokerStatus(
    public val state: BrokerState = BrokerState.Connected,
    public val away: Duration = Duration.ZERO,
    public val outbox: Int = 0,
    public val reconnects: Long = 0,
    public val dropped: Long = 0,
) {
    override fun toString(): String =
        "BrokerStatus($state, away=$away, outbox=$outbox, reconnects=$reconnects, dropped=$dropped)"
}

/** The connection of a [Broker] on this node. */
public enum class BrokerState {
    /** Not connected since the start: the address or the credentials may be wrong. */
    Connecting,

    /** Publications can be sent and received, as far as the broker knows. */
    Connected,

    /** Was connected before. The broker reconnects by itself. */
    Away,
}
