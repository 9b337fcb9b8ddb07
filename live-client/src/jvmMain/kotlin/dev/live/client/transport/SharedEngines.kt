package dev.live.client.transport

import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.engine.HttpClientEngine
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.cio.endpoint
import kotlinx.coroutines.job

/**
 * A pool of at most [limit] CIO engines for any number of clients. An engine is open as long as one of its clients is
 * open.
 *
 * The selector of a CIO engine occupies a thread of `Dispatchers.IO`, half a second at a time. With one engine per
 * client, 64 clients would occupy all threads; more clients would wait for each other and block the application.
 *
 * Thread-safe.
 */
internal class SharedEngines(private val limit: Int) {
    private val engines = ArrayList<SharedEngine>()

    /**
     * Creates an [HttpClient] on the engine with the fewest clients. Closing the client releases its use of the
     * engine.
     */
    fun newClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient {
        val shared = acquire()
        val client =
            try {
                HttpClient(shared.engine, configure)
            } catch (e: Throwable) {
                release(shared)
                throw e
            }
        client.coroutineContext.job.invokeOnCompletion { release(shared) }
        return client
    }

    private fun acquire(): SharedEngine =
        synchronized(engines) {
            val isFull = engines.size >= limit
            val shared = if (isFull) engines.minBy { it.clients } else SharedEngine(newEngine()).also { engines += it }
            shared.apply { clients++ }
        }

    private fun release(shared: SharedEngine) {
        val isLast = synchronized(engines) { (--shared.clients == 0).also { if (it) engines -= shared } }
        if (isLast) shared.engine.close()
    }

    /**
     * Without a connection limit, because the application decides how many clients it creates. With CIO's default, the
     * 101st connection would wait.
     */
    private fun newEngine(): HttpClientEngine =
        CIO.create {
            maxConnectionsCount = Int.MAX_VALUE
            endpoint { maxConnectionsPerRoute = Int.MAX_VALUE }
        }

    private class SharedEngine(val engine: HttpClientEngine) {
        var clients = 0
    }
}
