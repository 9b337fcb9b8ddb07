package dev.live.client

import io.ktor.client.HttpClient
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import io.ktor.client.engine.java.Java as JavaEngine
import io.ktor.client.engine.okhttp.OkHttp as OkHttpEngine

/** The engines that the client is tested on: its own, the one that Android has, and the one of the JDK. */
internal enum class Engine(
    /** Whether more is known of a refused upgrade than its status. */
    val readsRefusals: Boolean,
    private val newClient: (Duration) -> HttpClient?,
) {
    Cio(readsRefusals = true, { null }),
    OkHttp(readsRefusals = false, { patience ->
        HttpClient(OkHttpEngine) { engine { config { readTimeout(patience.toJavaDuration()) } } }
    }),
    Java(readsRefusals = true, { HttpClient(JavaEngine) }),
    ;

    /**
     * Runs [block] with what to set as `httpClient`, which is closed afterwards, as an application does it.
     *
     * @param patience after which the engine itself gives a handshake up, where it has to: OkHttp does not hear that
     *   nobody waits for it any more
     */
    suspend fun use(patience: Duration = OKHTTP_DEFAULT, block: suspend (HttpClient?) -> Unit) {
        val client = newClient(patience)
        try {
            block(client)
        } finally {
            client?.close()
        }
    }
}

private val OKHTTP_DEFAULT = 10.seconds
