package dev.live.client.transport

import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.engine.HttpClientEngine
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.cio.endpoint
import kotlinx.coroutines.job

/**
 * CIO engines for any number of clients, [limit] of them at the most; more clients share. An engine is there while one
 * of its clients is open.
 *
 * An engine of CIO has a selector that keeps a thread of `Dispatchers.IO` from everybody else, half a second at a time:
 * with an engine each, 64 clients would have them all, and more would wait for each other and hold up the application.
 *
 * Every function may be called from any thread.
 */
internal class SharedEngines(private val limit: Int) {
    private val shares = ArrayList<Share>()

    /** An [HttpClient] on the engine that has the fewest clients; closing it gives its share back. */
    fun newClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient {
        val share = join()
        val client =
            try {
                HttpClient(share.engine, configure)
            } catch (e: Throwable) {
                leave(share)
                throw e
            }
        client.coroutineContext.job.invokeOnCompletion { leave(share) }
        return client
    }

    private fun join(): Share =
        synchronized(shares) {
            val isFull = shares.size >= limit
            val share = if (isFull) shares.minBy { it.clients } else Share(newEngine()).also { shares += it }
            share.apply { clients++ }
        }

    private fun leave(share: Share) {
        val isLast = synchronized(shares) { (--share.clients == 0).also { if (it) shares -= share } }
        if (isLast) share.engine.close()
    }

    /** How many connections there may be is for those to say who make clients; CIO would have the 101st wait. */
    private fun newEngine(): HttpClientEngine =
        CIO.create {
            maxConnectionsCount = Int.MAX_VALUE
            endpoint { maxConnectionsPerRoute = Int.MAX_VALUE }
        }

    private class Share(val engine: HttpClientEngine) {
        var clients = 0
    }
}
