package dev.live.server

import kotlin.time.Duration

/**
 * Whether this node should receive clients, see [LiveServer.health] and [liveHealth].
 *
 * A load balancer asks whether a node is ready. An orchestrator also asks whether a restart would help: that is only
 * so in [BrokerEnded].
 */
public sealed interface LiveHealth {
    /**
     * Whether a load balancer should send clients to this node, as [liveHealth] answers by default.
     *
     * True in [BrokerAway]: all nodes usually share one broker, so they would all leave the load balancer at the same
     * time, and clients could connect to none of them. Meanwhile sessions continue, requests are handled, and the
     * topics recover afterwards.
     */
    public val isReady: Boolean

    /** A sentence for operators. It contains no addresses and no secrets. */
    public val reason: String

    /** The broker has not connected since the start. Not ready, so that a deployment with wrong settings stops. */
    public data object Starting : LiveHealth {
        override val isReady: Boolean get() = false
        override val reason: String get() = "The broker has not connected since this node started."
    }

    /** The node accepts clients, and the broker is connected. */
    public data object Ready : LiveHealth {
        override val isReady: Boolean get() = true
        override val reason: String get() = "This node is ready."
    }

    /**
     * The broker has lost its connection, and reconnects by itself. Clients of this node receive no publications of
     * other nodes.
     *
     * @property duration since when, as far as the broker has noticed
     */
    public class BrokerAway(public val duration: Duration) : LiveHealth {
        override val isReady: Boolean get() = true
        override val reason: String get() = "The broker has been away for ${duration.inWholeSeconds} s."

        override fun toString(): String = "BrokerAway($duration)"
    }

    /** The broker has failed for good: this node receives no more publications until it is restarted. Not ready. */
    public data object BrokerEnded : LiveHealth {
        override val isReady: Boolean get() = false
        override val reason: String get() = "The broker has failed. Restart this node."
    }

    /** The application stops: sessions are closed after [DrainConfig.delay]. Not ready. */
    public data object Draining : LiveHealth {
        override val isReady: Boolean get() = false
        override val reason: String get() = "This node is shutting down."
    }
}
