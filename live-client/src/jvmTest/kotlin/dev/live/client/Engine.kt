package dev.live.client

import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp as OkHttpEngine

/** The engines that the client is tested on: its own, and the one that Android has. */
internal enum class Engine(
    /** Whether more is known of a refused upgrade than its status. */
    val readsRefusals: Boolean,
    private val newClient: () -> HttpClient?,
) {
    Cio(readsRefusals = true, { null }),
    OkHttp(readsRefusals = false, { HttpClient(OkHttpEngine) }),
    ;

    /** Runs [block] with what to set as `httpClient`, which is closed afterwards, as an application does it. */
    suspend fun use(block: suspend (HttpClient?) -> Unit) {
        val client = newClient()
        try {
            block(client)
        } finally {
            client?.close()
        }
    }
}
