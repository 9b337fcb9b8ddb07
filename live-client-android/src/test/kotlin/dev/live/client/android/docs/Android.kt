package dev.live.client.android.docs

import android.app.Application
import dev.live.client.LiveClient
import dev.live.client.android.AndroidAppLifecycle
import dev.live.client.android.AndroidNetworkMonitor
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import kotlin.time.Duration.Companion.seconds

// The code of docs/android.md, and the tokens that it assumes.

internal fun client(application: Application, tokens: Tokens): LiveClient {
    val http = HttpClient(OkHttp)
    val live =
        LiveClient("wss://example.com/live") {
            httpClient = http // io.ktor:ktor-client-okhttp, API level 21 or higher
            networkMonitor = AndroidNetworkMonitor(application) // pauses without a network, reconnects when it returns
            lifecycle = AndroidAppLifecycle(application) // disconnects in the background, reconnects afterwards
            backgroundGrace = 30.seconds
            bearer { tokens.fresh() }
        }
    return live
}

internal fun interface Tokens {
    suspend fun fresh(): String
}
