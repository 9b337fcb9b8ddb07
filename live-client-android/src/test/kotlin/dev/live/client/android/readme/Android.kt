package dev.live.client.android.readme

import android.app.Application
import dev.live.client.LiveClient
import dev.live.client.android.AndroidAppLifecycle
import dev.live.client.android.AndroidNetworkMonitor
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp

// What the README shows of a client on Android.

internal fun client(application: Application): LiveClient {
    val live =
        LiveClient("wss://example.com/live") {
            httpClient = HttpClient(OkHttp) // io.ktor:ktor-client-okhttp, from API 21 on
            networkMonitor = AndroidNetworkMonitor(application) // tries when a network returns, not while there is none
            lifecycle = AndroidAppLifecycle(application) // says goodbye in the background, and is back with the user
        }
    return live
}
