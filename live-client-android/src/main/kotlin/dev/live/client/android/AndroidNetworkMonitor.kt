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
 * Tells a client what network the device has, as Android's `ConnectivityManager` says: the default one of this application
 * from API 24 on, all that reach the internet below.
 *
 * ```
 * LiveClient("wss://example.com/live") {
 *     networkMonitor = AndroidNetworkMonitor(context)
 * }
 * ```
 *
 * The application has to declare `android.permission.ACCESS_NETWORK_STATE`, which no user is asked for. Without it there
 * is one warning in the log (tag `live`), the flow fails with a [SecurityException], and the client finds out for itself, as without
 * a monitor; so it is where Android refuses for another reason, such as more than 100 callbacks of one application.
 *
 * A network counts from when Android announces it, also one behind a login page. From API 29 on one that is blocked for
 * this application, by doze or a saver of data, counts as none. Each collector registers one callback, which is called on a
 * thread of Android's and taken away when the collector ends; between changes it costs nothing.
 *
 * @param context any; what is kept is its application's
 */
public class AndroidNetworkMonitor internal constructor(context: Context, private val api: Int) : NetworkMonitor {
    private val context = context.applicationContext ?: context // null in attachBaseContext

    public constructor(context: Context) : this(context, Build.VERSION.SDK_INT)

    /**
     * What network there is, at once, and from now on whenever that changes; of changes that come faster than they are
     * collected, the newest. An id stands for the network that is used, or below API 24 for all that are there, so
     * that it changes whenever one of them goes.
     */
    override fun networks(): Flow<Network> =
        channelFlow {
            val manager = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
            val source = if (api >= Build.VERSION_CODES.N) DefaultNetwork(manager) else InternetNetworks(manager)
            val watch = NetworkWatch(source.isOneAtATime) { trySend(it) }
            source.registerOrExplain(watch)
            try {
                // Android calls back with what there is, and not at all if there is nothing
                if (!source.hasNetwork()) watch.thereIsNone()
                awaitCancellation()
            } finally {
                manager.unregisterNetworkCallback(watch)
            }
        }.conflate()

    private fun NetworkSource.registerOrExplain(watch: NetworkWatch) {
        try {
            register(watch)
        } catch (e: SecurityException) {
            // logged here, for the client goes on without a word
            Log.w(LOG_TAG, "$WITHOUT_PERMISSION (${e.message})")
            throw SecurityException(WITHOUT_PERMISSION, e)
        }
    }

    private companion object {
        const val LOG_TAG = "live"
        const val WITHOUT_PERMISSION =
            "AndroidNetworkMonitor may not ask for networks: declare android.permission.ACCESS_NETWORK_STATE in " +
                "AndroidManifest.xml. Until then the client finds out for itself, by failing."
    }
}
