package dev.live.client.android

import android.net.ConnectivityManager
import dev.live.client.connection.Network
import android.net.Network as AndroidNetwork

/**
 * Computes the current network from Android's callbacks about single networks. Android calls the callbacks on its own
 * thread; [reportNone] is called once from another thread.
 *
 * @param isOneAtATime whether a new network replaces the previous one
 * @param onChange receives the current network; must not block
 */
internal class NetworkTracker(
    private val isOneAtATime: Boolean,
    private val onChange: (Network) -> Unit,
) : ConnectivityManager.NetworkCallback() {
    // Guarded by this. Available networks; true if a network is blocked for this application.
    private val networks = LinkedHashMap<AndroidNetwork, Boolean>()
    private var hasNotified = false

    /** Reports that there is no network, unless a callback has already reported a state. */
    @Synchronized
    fun reportNone() {
        if (!hasNotified) onChange(Network.None)
    }

    @Synchronized
    override fun onAvailable(network: AndroidNetwork) {
        if (isOneAtATime) networks.clear()
        networks[network] = false
        changed()
    }

    @Synchronized
    override fun onBlockedStatusChanged(network: AndroidNetwork, blocked: Boolean) {
        // the status of an unknown or lost network is ignored
        if (network in networks) {
            networks[network] = blocked
            changed()
        }
    }

    @Synchronized
    override fun onLost(network: AndroidNetwork) {
        networks -= network
        changed()
    }

    private fun changed() {
        hasNotified = true
        val usable = networks.filterValues { isBlocked -> !isBlocked }.keys
        onChange(if (usable.isEmpty()) Network.None else Network.Available(usable.joinToString("+")))
    }
}
