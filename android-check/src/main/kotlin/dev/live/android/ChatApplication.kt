package dev.live.android

import android.app.Application
import android.util.Log
import dev.live.client.LiveClient
import dev.live.client.android.AndroidAppLifecycle
import dev.live.client.android.AndroidNetworkMonitor
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

@Serializable
internal data class Chat(val from: String, val text: String)

/** A typical Android application with live. The R8 rules keep only this class. */
internal class ChatApplication : Application() {
    override fun onCreate() {
        super.onCreate()
        val live = chatClient("wss://example.com/live", this, HttpClient(OkHttp))
        val room = live.topic<Chat>("room/lobby")
        CoroutineScope(Dispatchers.Main).launch {
            launch { live.state.collect { Log.i("chat", it.toString()) } }
            launch { room.messages.collect { Log.i("chat", "${it.from}: ${it.text}") } }
            room.publish(Chat("ann", "hello"))
            Log.i("chat", live.request<String, Int>("count", "lobby").toString())
        }
    }
}

internal fun chatClient(
    url: String,
    application: Application,
    http: HttpClient,
    grace: Duration = 30.seconds,
): LiveClient =
    LiveClient(url) {
        codecs(CborCodec, JsonCodec)
        httpClient = http
        networkMonitor = AndroidNetworkMonitor(application)
        lifecycle = AndroidAppLifecycle(application)
        backgroundGrace = grace
    }
