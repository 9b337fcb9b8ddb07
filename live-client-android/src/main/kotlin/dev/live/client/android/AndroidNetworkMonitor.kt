package dev.live.client.android

import android.content.Context
import android.net.ConnectivityManager
import android.os.Build
import android.util.Log
import dev.live.client.connection.Network
import dev.live.client.connection.NetworkMonitor
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate

/**
 * Reports the network of the device from Android's `ConnectivityManager`: the application's default network from API 24
 * on, all networks with internet access below API 24.
 *
 * ```
 * LiveClient("wss://example.com/live") {
 *     networkMonitor = AndroidNetworkMonitor(context)
 * }
 * ```
 *
 * The application must declare `android.permission.ACCESS_NETWORK_STATE`; the user is not asked for it. Without the
 * permission, one warning is logged (tag `live`), the flow fails with a [SecurityException], and the client behaves as
 * without a monitor. The client also does so if Android rejects the callback for another reason, such as more than 100
 * callbacks of one application.
 *
 * A network is available as soon as Android reports it, even behind a captive portal. From API 29 on, a network that is
 * blocked for this application (Doze, Data Saver) is not available. Each collector registers one callback, which runs
 * on an Android thread, and unregisters it when it ends. There is no polling.
 *
 * @param context any context; only its application context is kept
 */
public class AndroidNetworkMonitor internal constructor(context: Context, private val api: Int) : NetworkMonitor {
    private val context = context.applicationContext ?: context // null during attachBaseContext

    public constructor(context: Context) : this(context, Build.VERSION.SDK_INT)

    /**
     * Emits the current network immediately, then each change. A slow collector receives only the newest change. The id
     * identifies the default network. Below API 24 it identifies the set of all available networks, so it changes
     * whenever one of them is added or lost.
     */
    override fun networks(): Flow<Network> =
        channelFlow {
            val manager = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
            val source = if (api >= Build.VERSION_CODES.N) DefaultNetwork(manager) else InternetNetworks(manager)
            val tracker = NetworkTracker(source.isOneAtATime) { trySend(it) }
            source.registerOrLog(tracker)
            try {
                // Android calls back for an existing network, but not if there is none
                if (!source.hasNetwork()) tracker.reportNone()
                awaitCancellation()
            } finally {
                manager.unregisterNetworkCallback(tracker)
            }
        }.conflate()

    private fun NetworkSource.registerOrLog(tracker: NetworkTracker) {
        try {
            register(tracker)
        } catch (e: SecurityException) {
            // logged here, because the client continues without logging it
            Log.w(LOG_TAG, "$NO_PERMISSION (${e.message})")
            throw SecurityException(NO_PERMISSION, e)
        }
    }

    private companion object {
        const val LOG_TAG = "live"
        const val NO_PERMISSION =
            "AndroidNetworkMonitor has no permission: declare android.permission.ACCESS_NETWORK_STATE in " +
                "AndroidManifest.xml. Without it, the client detects network changes only by failed connections."
    }
}
