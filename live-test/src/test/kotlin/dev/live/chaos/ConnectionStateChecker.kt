package dev.live.chaos

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.protocol.CloseCode
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration

/** Outages that affect all clients. */
internal class Outages(private val proxy: ChaosProxy, private val dns: FakeDns) {
    @Volatile
    var isServerDown: Boolean = false

    val isAny: Boolean get() = isServerDown || proxy.isRefusing || dns.isDown
}

/**
 * Compares the connection states of a client with the faults of the proxy: each disconnect must have a matching fault,
 * and each fault must cause the expected disconnect. [onState] is called undispatched, so only very short states are
 * missed.
 */
internal class ConnectionStateChecker(
    private val client: Int,
    private val proxy: ChaosProxy,
    private val outages: Outages,
    private val heartbeatTimeout: Duration,
) {
    private var last: ConnectionState? = null
    private var link: Link? = null
    private var wasInOutage = false

    /** Violations found so far. */
    val errors = ConcurrentLinkedQueue<String>()

    @Synchronized
    fun onState(state: ConnectionState) {
        if (!mayFollow(last, state)) errors += "client $client: $state after $last"
        when (state) {
            is ConnectionState.Connecting -> {
                if (last is ConnectionState.Connected) proxy.newestOf(client)?.isEndUnseen = true
                wasInOutage = outages.isAny
            }
            is ConnectionState.Connected -> link = proxy.newestOf(client)?.also { it.wasConnected = true }
            is ConnectionState.Waiting -> if (last !is ConnectionState.Waiting) ended(state.cause)
            else -> Unit
        }
        last = state
    }

    private fun ended(cause: DisconnectCause) {
        val ended = proxy.newestOf(client)?.takeIf { it.end == null }
        ended?.end = cause
        val isOutage = wasInOutage || outages.isAny
        val isExplained = ended?.faults.orEmpty().any { explains(it, cause) } || (isOutage && isCausedByOutage(cause))
        if (!isExplained) errors += "client $client: $cause, after ${ended?.faults} and outage=$isOutage"
    }

    private fun explains(fault: Fault, cause: DisconnectCause): Boolean =
        when (fault) {
            Fault.Cut -> cause is DisconnectCause.ConnectionLost || cause is DisconnectCause.Unreachable
            Fault.HalfOpen -> isHeartbeatTimeout(cause) || cause is DisconnectCause.Unreachable
            Fault.Stall -> false
            // the server may detect the missing heartbeat first
            Fault.Drip ->
                isHeartbeatTimeout(cause) || cause is DisconnectCause.ConnectionLost ||
                    closedWith(cause) in TIMEOUT_CODES
            Fault.Restart -> isCausedByOutage(cause)
        }

    private fun isHeartbeatTimeout(cause: DisconnectCause): Boolean =
        cause is DisconnectCause.HeartbeatTimeout && cause.after <= heartbeatTimeout

    private fun isCausedByOutage(cause: DisconnectCause): Boolean =
        cause is DisconnectCause.Unreachable || cause is DisconnectCause.ConnectionLost ||
            cause is DisconnectCause.UpgradeRejected || closedWith(cause) in RESTART_CODES

    private companion object {
        val TIMEOUT_CODES = setOf(CloseCode.HeartbeatTimeout, CloseCode.SlowConsumer)
        val RESTART_CODES = setOf(CloseCode.Restart, CloseCode.GoingAway)

        fun closedWith(cause: DisconnectCause): CloseCode? = (cause as? DisconnectCause.ClosedByServer)?.code

        fun mayFollow(last: ConnectionState?, next: ConnectionState): Boolean =
            when (last) {
                null -> true
                is ConnectionState.Connecting -> next is ConnectionState.Connected || next is ConnectionState.Waiting
                is ConnectionState.Connected -> next is ConnectionState.Waiting || next is ConnectionState.Connecting
                is ConnectionState.Waiting -> next is ConnectionState.Connecting || next is ConnectionState.Waiting
                is ConnectionState.Paused, is ConnectionState.Closed -> false
            } || next is ConnectionState.Closed
    }
}

/** Faults of [links] that the clients had to detect and did not. */
internal fun undetectedFaults(links: List<Link>): List<String> =
    links.filter { it.wasConnected && !it.isEndUnseen }.mapNotNull { link ->
        val end = link.end
        val isDetected =
            when ((link.faults - TRANSIENT_FAULTS).singleOrNull()) {
                Fault.Cut -> end is DisconnectCause.ConnectionLost
                Fault.HalfOpen -> end is DisconnectCause.HeartbeatTimeout
                else -> true
            }
        if (isDetected) null else "client ${link.client}: ${link.faults} ended as $end"
    }
