package dev.live.chaos

import dev.live.client.transport.KtorTransport
import dev.live.client.transport.Transport
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.okhttp.OkHttp
import kotlinx.coroutines.job
import java.time.Duration

/** What clients connect with, by turns: the engine of servers and desktops, and the one that Android has. */
internal class Engines(private val names: BrokenNames) {
    private val cio = HttpClient(CIO)
    private val okHttp =
        HttpClient(OkHttp) {
            engine {
                config {
                    dns(names)
                    webSocketCloseTimeout(UNANSWERED)
                }
            }
        }

    /** The host of client [number], and how it gets there. */
    fun routeOf(number: Int): Pair<String, Transport> =
        if (number % 2 == 0) {
            "127.0.0.1" to names.over(KtorTransport(cio))
        } else {
            BrokenNames.NAME to KtorTransport(okHttp)
        }

    /** Ends both, and waits for it. */
    suspend fun close() {
        for (http in listOf(cio, okHttp)) {
            http.close()
            http.coroutineContext.job.join()
        }
    }

    private companion object {
        /** How long OkHttp keeps a socket whose close frame nobody answers: a minute by itself. */
        val UNANSWERED: Duration = Duration.ofSeconds(15)
    }
}
