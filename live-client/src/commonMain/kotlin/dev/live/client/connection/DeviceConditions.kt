package dev.live.client.connection

import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.flow.withIndex
import kotlinx.coroutines.launch
import kotlin.time.Duration

/** The sources of [DeviceConditions]; null where the application sets none. */
internal class DeviceSettings(
    val network: NetworkMonitor? = null,
    val lifecycle: AppLifecycle? = null,
    val backgroundGrace: Duration = Duration.ZERO,
)

/**
 * Conditions of the device and the application that affect the connection: whether to be connected at all, and when
 * to check the connection or to reconnect early. Thread-safe.
 */
internal class DeviceConditions(private val settings: DeviceSettings) {
    /**
     * Snapshot of the conditions.
     *
     * @property checkRequests number of requests to check the connection, or to connect now
     */
    data class State(
        val network: Network? = null,
        val isInBackground: Boolean = false,
        val checkRequests: Int = 0,
    ) {
        /** Why the client must not connect, or null. */
        val pause: PauseReason?
            get() =
                when {
                    isInBackground -> PauseReason.Background
                    network == Network.None -> PauseReason.NoNetwork
                    else -> null
                }
    }

    private val states = MutableStateFlow(State())

    val state: StateFlow<State> = states.asStateFlow()

    fun requestCheck(): Unit = states.update { it.copy(checkRequests = it.checkRequests + 1) }

    /** Collects the sources until cancelled, or until all of them have ended. */
    suspend fun watch(): Unit =
        coroutineScope {
            settings.network?.run { launch { collect(::networks, ::onNetwork) { it.copy(network = null) } } }
            settings.lifecycle?.run {
                launch { collect(::foreground, ::onForeground) { it.copy(isInBackground = false) } }
            }
        }

    /** Passes the values of [flow] to [onValue]; applies [reset] to the state when the flow has ended. */
    private suspend fun <T> collect(flow: () -> Flow<T>, onValue: suspend (T, Int) -> Unit, reset: (State) -> State) {
        try {
            // the first value is the initial state, not a change
            flow().distinctUntilChanged().withIndex()
                .collectLatest { (n, value) -> onValue(value, if (n == 0) 0 else 1) }
        } catch (_: Exception) {
            currentCoroutineContext().ensureActive() // the client continues without this source, unless it is cancelled
        }
        states.update { reset(it).copy(checkRequests = it.checkRequests + 1) }
    }

    private fun onNetwork(network: Network, newChecks: Int): Unit =
        states.update { it.copy(network = network, checkRequests = it.checkRequests + newChecks) }

    private suspend fun onForeground(isForeground: Boolean, newChecks: Int) {
        if (!isForeground) delay(settings.backgroundGrace)
        states.update {
            it.copy(
                isInBackground = !isForeground,
                checkRequests = it.checkRequests + if (isForeground) newChecks else 0,
            )
        }
    }
}
