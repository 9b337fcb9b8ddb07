package dev.live.test

import dev.live.client.connection.Network
import dev.live.client.connection.NetworkMonitor
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.asStateFlow

/**
 * A device whose network is what a test says. Any thread.
 *
 * It only tells the client: what a [FakeTransport] does meanwhile is up to the test.
 */
public class FakeNetworkMonitor : NetworkMonitor {
    private val state = MutableStateFlow<Network>(Network.Available("wifi"))

    /** What network there is; in the beginning one called `wifi`. */
    public var network: Network
        get() = state.value
        set(value) {
            state.value = value
        }

    /** How many clients follow it: none once all have been closed. */
    public val followers: Int get() = state.subscriptionCount.value

    override fun networks(): Flow<Network> = state.asStateFlow()
}
