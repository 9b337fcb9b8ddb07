package dev.live.client.testing

import dev.live.client.connection.Network
import dev.live.client.connection.NetworkMonitor
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.asStateFlow

/**
 * A [NetworkMonitor] with a network that a test sets. Thread-safe.
 *
 * It only notifies the client. It does not change the behavior of a [FakeTransport].
 */
public class FakeNetworkMonitor : NetworkMonitor {
    private val state = MutableStateFlow<Network>(Network.Available("wifi"))

    /** The current network. Default: available, with the id `wifi`. */
    public var network: Network
        get() = state.value
        set(value) {
            state.value = value
        }

    /** Number of clients that observe this monitor; 0 after all of them are closed. */
    public val observers: Int get() = state.subscriptionCount.value

    override fun networks(): Flow<Network> = state.asStateFlow()
}
