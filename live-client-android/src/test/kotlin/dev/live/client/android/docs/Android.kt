package dev.live.client.android.docs

import android.app.Application
import dev.live.client.LiveClient
import dev.live.client.android.AndroidAppLifecycle
import dev.live.client.android.AndroidNetworkMonitor
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import kotlin.time.Duration.Companion.seconds

// What docs/android.md shows, and the tokens that it takes for granted.

internal fun client(application: Application, tokens: Tokens): LiveClient {
    val http = HttpClient(OkHttp)
    val live =
        LiveClient("wss://example.com/live") {
            httpClient = http
            networkMonitor = AndroidNetworkMonitor(application)
            lifecycle = AndroidAppLifecycle(application)
            backgroundGrace = 30.seconds
            bearer { tokens.fresh() }
        }
    return live
}

internal fun interface Tokens {
    suspend fun fresh(): String
}
