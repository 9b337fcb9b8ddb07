package dev.live.server

import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicBoolean

/** The state of the [broker], which may be code of the application. Every function may be called from any thread. */
internal class BrokerMonitor(private val broker: Broker) {
    /** Whether [Broker.run] has ended although the server has not: nothing starts it again. */
    @Volatile
    var hasEnded = false

    private val hasFailed = AtomicBoolean()

    /** The broker's status. Never throws: health checks and the sweeper must work with a faulty broker too. */
    val status: BrokerStatus
        get() =
            try {
                broker.status
            } catch (e: Throwable) {
                if (hasFailed.compareAndSet(false, true)) {
                    log.error("The broker's status failed. Its further failures are not logged.", e)
                }
                BrokerStatus(BrokerState.Away)
            }

    /** The health of a node that is not draining. */
    val health: LiveHealth
        get() {
            if (hasEnded) return LiveHealth.BrokerEnded
            val status = status
            return when (status.state) {
                BrokerState.Connecting -> LiveHealth.Starting
                BrokerState.Connected -> LiveHealth.Ready
                BrokerState.Away -> LiveHealth.BrokerAway(status.away)
            }
        }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.broker")
    }
}
