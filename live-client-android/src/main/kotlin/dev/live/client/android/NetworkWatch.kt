package dev.live.client.android

import android.net.ConnectivityManager
import dev.live.client.connection.Network
import android.net.Network as AndroidNetwork

/**
 * Makes of Android's calls about single networks what network there is. Called on a thread of Android's, and once from
 * outside.
 *
 * @param isOneAtATime whether a network that is announced takes the place of the one before
 * @param tell must not block
 */
internal class NetworkWatch(
    private val isOneAtATime: Boolean,
    private val tell: (Network) -> Unit,
) : ConnectivityManager.NetworkCallback() {
    // Guarded by this. Those that are there, each with whether it is blocked for this application.
    private val networks = LinkedHashMap<AndroidNetwork, Boolean>()
    private var isTold = false

    /** Says so, unless Android has already said otherwise. */
    @Synchronized
    fun thereIsNone() {
        if (!isTold) tell(Network.None)
    }

    @Synchronized
    override fun onAvailable(network: AndroidNetwork) {
        if (isOneAtATime) networks.clear()
        networks[network] = false
        changed()
    }

    @Synchronized
    override fun onBlockedStatusChanged(network: AndroidNetwork, blocked: Boolean) {
        // of one that is not there, or not any more, nothing is to be known
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
        isTold = true
        val usable = networks.filterValues { isBlocked -> !isBlocked }.keys
        tell(if (usable.isEmpty()) Network.None else Network.Available(usable.joinToString("+")))
    }
}
