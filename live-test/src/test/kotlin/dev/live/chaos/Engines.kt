package dev.live.chaos

import dev.live.client.transport.KtorTransport
import dev.live.client.transport.Transport
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.okhttp.OkHttp
import kotlinx.coroutines.job
import java.time.Duration

/** The client engines, used alternately: CIO for servers and desktops, OkHttp as on Android. */
internal class Engines(private val dns: FakeDns) {
    private val cio = HttpClient(CIO)
    private val okHttp =
        HttpClient(OkHttp) {
            engine {
                config {
                    dns(this@Engines.dns)
                    webSocketCloseTimeout(CLOSE_TIMEOUT)
                }
            }
        }

    /** The host name and the transport of client [number]. */
    fun routeOf(number: Int): Pair<String, Transport> =
        if (number % 2 == 0) {
            "127.0.0.1" to dns.wrap(KtorTransport(cio))
        } else {
            FakeDns.NAME to KtorTransport(okHttp)
        }

    /** Closes both engines and waits for their end. */
    suspend fun close() {
        for (http in listOf(cio, okHttp)) {
            http.close()
            http.coroutineContext.job.join()
        }
    }

    private companion object {
        /** Time until OkHttp closes a socket if the server sends no close frame. OkHttp's default is one minute. */
        val CLOSE_TIMEOUT: Duration = Duration.ofSeconds(15)
    }
}
