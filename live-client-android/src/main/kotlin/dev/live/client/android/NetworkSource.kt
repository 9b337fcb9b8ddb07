package dev.live.client.android

import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.net.NetworkRequest

/** Who calls back about networks: there are two ways, for older and for newer Android. */
internal interface NetworkSource {
    /** Whether a network that is announced takes the place of the one before, which is then not said to be lost. */
    val isOneAtATime: Boolean

    /** @throws SecurityException without the permission */
    fun register(watch: NetworkWatch)

    /** Whether a first call is to be expected. */
    fun hasNetwork(): Boolean
}

/** The network that this application uses if it does not choose. The only class that needs API 24. */
internal class DefaultNetwork(private val manager: ConnectivityManager) : NetworkSource {
    override val isOneAtATime get() = true

    override fun register(watch: NetworkWatch): Unit = manager.registerDefaultNetworkCallback(watch)

    override fun hasNetwork(): Boolean = manager.activeNetwork != null
}

/** All networks that reach the internet; which of them is used cannot be known below API 24. */
internal class InternetNetworks(private val manager: ConnectivityManager) : NetworkSource {
    override val isOneAtATime get() = false

    override fun register(watch: NetworkWatch) {
        val request = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET).build()
        manager.registerNetworkCallback(request, watch)
    }

    @Suppress("DEPRECATION") // since API 29; what replaces it is of API 23
    override fun hasNetwork(): Boolean = manager.activeNetworkInfo != null
}
