@file:Suppress("DEPRECATION") // NetworkInfo: Kotlin 2.3 also warns about its import

package dev.live.client.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.NetworkInfo
import android.net.NetworkRequest
import android.net.Network as AndroidNetwork

/** A fake `ConnectivityManager`. [callback] is the registered callback. */
@Suppress("OVERRIDE_DEPRECATION")
internal class FakeConnectivity : ConnectivityManager() {
    var active: AndroidNetwork? = null
    var failure: RuntimeException? = null

    /** Called during the registration of a callback. */
    var onRegister: (NetworkCallback) -> Unit = {}
    var registeredBy: String? = null
    var callback: NetworkCallback? = null

    override fun getActiveNetwork(): AndroidNetwork? = active

    override fun getActiveNetworkInfo(): NetworkInfo? = active?.let { NetworkInfo() }

    override fun registerDefaultNetworkCallback(networkCallback: NetworkCallback): Unit =
        register("default", networkCallback)

    override fun registerNetworkCallback(request: NetworkRequest, networkCallback: NetworkCallback): Unit =
        register("request", networkCallback)

    override fun unregisterNetworkCallback(networkCallback: NetworkCallback) {
        check(callback === networkCallback) { "not registered" }
        callback = null
    }

    private fun register(by: String, networkCallback: NetworkCallback) {
        failure?.let { throw it }
        registeredBy = by
        callback = networkCallback
        onRegister(networkCallback)
    }
}

internal class FakeContext(
    private val connectivity: FakeConnectivity,
    private val application: Context? = null,
) : Context() {
    override fun getApplicationContext(): Context? = application

    override fun getSystemService(name: String): Any = connectivity.also { check(name == CONNECTIVITY_SERVICE) }
}

internal class FakeNetwork(private val id: String) : AndroidNetwork() {
    override fun toString(): String = id
}
