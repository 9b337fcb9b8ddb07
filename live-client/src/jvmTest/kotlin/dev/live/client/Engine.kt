package dev.live.client

import io.ktor.client.HttpClient
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import io.ktor.client.engine.java.Java as JavaEngine
import io.ktor.client.engine.okhttp.OkHttp as OkHttpEngine

/** The engines of the tests: CIO (the client's default), OkHttp (as on Android) and the JDK's HTTP client. */
internal enum class Engine(
    /** Whether the engine provides the headers and body of a rejected upgrade, not only its status. */
    val readsRejections: Boolean,
    private val newClient: (Duration) -> HttpClient?,
) {
    Cio(readsRejections = true, { null }),
    OkHttp(readsRejections = false, { timeout ->
        HttpClient(OkHttpEngine) { engine { config { readTimeout(timeout.toJavaDuration()) } } }
    }),
    Java(readsRejections = true, { HttpClient(JavaEngine) }),
    ;

    /**
     * Runs [block] with the value for `httpClient`, and closes that client afterwards, as an application does.
     *
     * @param timeout the engine's own timeout for a handshake. OkHttp needs it, because it does not react to the
     *   cancellation of a handshake
     */
    suspend fun use(timeout: Duration = OKHTTP_DEFAULT, block: suspend (HttpClient?) -> Unit) {
        val client = newClient(timeout)
        try {
            block(client)
        } finally {
            client?.close()
        }
    }
}

private val OKHTTP_DEFAULT = 10.seconds
