package dev.live.chaos

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.protocol.CloseCode
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration

/** What keeps every client away, whatever connection it has. */
internal class Outages(private val proxy: ChaosProxy, private val names: BrokenNames) {
    @Volatile
    var isServerAway: Boolean = false

    val isAny: Boolean get() = isServerAway || proxy.isRefusing || names.areBroken
}

/**
 * What a client's state says, held against what the proxy did: every end has a fault that explains it, and every fault the
 * end that it must have. [take] is called in place, so that no state is passed over but a wait of nearly no time.
 */
internal class Story(
    private val client: Int,
    private val proxy: ChaosProxy,
    private val outages: Outages,
    private val silence: Duration,
) {
    private var last: ConnectionState? = null
    private var link: Link? = null
    private var wasOutage = false

    /** What does not fit. */
    val wrong = ConcurrentLinkedQueue<String>()

    @Synchronized
    fun take(state: ConnectionState) {
        if (!mayFollow(last, state)) wrong += "client $client: $state behind $last"
        when (state) {
            is ConnectionState.Connecting -> {
                if (last is ConnectionState.Connected) proxy.newestOf(client)?.isEndUnseen = true
                wasOutage = outages.isAny
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
        val isOutage = wasOutage || outages.isAny
        val isExplained = ended?.faults.orEmpty().any { explains(it, cause) } || (isOutage && isOfOutage(cause))
        if (!isExplained) wrong += "client $client: $cause, after ${ended?.faults} and outage=$isOutage"
    }

    private fun explains(fault: Fault, cause: DisconnectCause): Boolean =
        when (fault) {
            Fault.Cut -> cause is DisconnectCause.ConnectionLost || cause is DisconnectCause.Unreachable
            Fault.HalfOpen -> isSilence(cause) || cause is DisconnectCause.Unreachable
            Fault.Stall -> false
            // the server may be first to find that nothing comes
            Fault.Drip -> isSilence(cause) || cause is DisconnectCause.ConnectionLost || closedWith(cause) in GIVEN_UP
            Fault.Restart -> isOfOutage(cause)
        }

    private fun isSilence(cause: DisconnectCause): Boolean = cause is DisconnectCause.HeartbeatTimeout && cause.after <= silence

    private fun isOfOutage(cause: DisconnectCause): Boolean =
        cause is DisconnectCause.Unreachable || cause is DisconnectCause.ConnectionLost ||
            cause is DisconnectCause.UpgradeRefused || closedWith(cause) in STOPPED

    private companion object {
        val GIVEN_UP = setOf(CloseCode.HeartbeatTimeout, CloseCode.SlowConsumer)
        val STOPPED = setOf(CloseCode.Restart, CloseCode.GoingAway)

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

/** What the clients behind [links] had to notice, each in its own way, and did not. */
internal fun unnoticed(links: List<Link>): List<String> =
    links.filter { it.wasConnected && !it.isEndUnseen }.mapNotNull { link ->
        val end = link.end
        val isNoticed =
            when ((link.faults - PASSING).singleOrNull()) {
                Fault.Cut -> end is DisconnectCause.ConnectionLost
                Fault.HalfOpen -> end is DisconnectCause.HeartbeatTimeout
                else -> true
            }
        if (isNoticed) null else "client ${link.client}: ${link.faults} ended as $end"
    }
