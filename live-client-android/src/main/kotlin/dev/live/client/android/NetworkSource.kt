package dev.live.client.android

import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.net.NetworkRequest

/** A source of network callbacks. There is one implementation for older and one for newer Android versions. */
internal interface NetworkSource {
    /** Whether a new network replaces the previous one without an `onLost` for it. */
    val isOneAtATime: Boolean

    /** @throws SecurityException without the permission */
    fun register(tracker: NetworkTracker)

    /** Whether there is a network, so that a first callback will follow. */
    fun hasNetwork(): Boolean
}

/** The default network of this application. The only class that needs API 24. */
internal class DefaultNetwork(private val manager: ConnectivityManager) : NetworkSource {
    override val isOneAtATime get() = true

    override fun register(tracker: NetworkTracker): Unit = manager.registerDefaultNetworkCallback(tracker)

    override fun hasNetwork(): Boolean = manager.activeNetwork != null
}

/** All networks with internet access. Below API 24, the default network is not available. */
internal class InternetNetworks(private val manager: ConnectivityManager) : NetworkSource {
    override val isOneAtATime get() = false

    override fun register(tracker: NetworkTracker) {
        val request = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET).build()
        manager.registerNetworkCallback(request, tracker)
    }

    @Suppress("DEPRECATION") // deprecated since API 29; the replacement needs API 23
    override fun hasNetwork(): Boolean = manager.activeNetworkInfo != null
}
