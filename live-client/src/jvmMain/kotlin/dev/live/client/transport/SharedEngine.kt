package dev.live.client.transport

import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.engine.HttpClientEngine
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.cio.endpoint
import kotlinx.coroutines.job

/**
 * A CIO engine behind many clients; it is there while one of them is open.
 *
 * An engine of CIO has a selector that keeps a thread of `Dispatchers.IO` from everybody else, half a second at a time:
 * with an engine each, 64 clients would have them all, and more would wait for each other and hold up the application.
 *
 * Every function may be called from any thread.
 */
internal class SharedEngine {
    private val lock = Any()
    private var engine: HttpClientEngine? = null
    private var clients = 0

    /** An [HttpClient] on the engine; closing it gives its share back. */
    fun newClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient {
        val client = HttpClient(join(), configure)
        client.coroutineContext.job.invokeOnCompletion { leave() }
        return client
    }

    private fun join(): HttpClientEngine =
        synchronized(lock) {
            clients++
            engine ?: newEngine().also { engine = it }
        }

    private fun leave(): Unit =
        synchronized(lock) {
            if (--clients > 0) return
            engine?.close()
            engine = null
        }

    /** How many connections there may be is for those to say who make clients; CIO would have the 101st wait. */
    private fun newEngine(): HttpClientEngine =
        CIO.create {
            maxConnectionsCount = Int.MAX_VALUE
            endpoint { maxConnectionsPerRoute = Int.MAX_VALUE }
        }
}
