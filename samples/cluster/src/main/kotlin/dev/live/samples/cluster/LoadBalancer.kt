package dev.live.samples.cluster

import io.ktor.network.selector.SelectorManager
import io.ktor.network.sockets.ServerSocket
import io.ktor.network.sockets.Socket
import io.ktor.network.sockets.aSocket
import io.ktor.network.sockets.openReadChannel
import io.ktor.network.sockets.openWriteChannel
import io.ktor.network.sockets.port
import io.ktor.utils.io.copyAndClose
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import java.io.IOException
import java.util.concurrent.atomic.AtomicInteger

/**
 * A load balancer for TCP connections, and thereby for HTTP and WebSocket: new connections go to one ready node after
 * the other. A connection stays at its node until one side closes it.
 *
 * @param nodes ports of the nodes that are ready
 */
class LoadBalancer private constructor(
    private val selector: SelectorManager,
    private val listener: ServerSocket,
    private val nodes: () -> List<Int>,
) : AutoCloseable {
    private val turn = AtomicInteger()
    val port: Int get() = listener.port

    /** Forwards connections until it is cancelled. */
    suspend fun run(): Unit =
        supervisorScope {
            while (true) {
                val client = listener.accept()
                launch { client.use { forward(it) } }
            }
        }

    private suspend fun forward(client: Socket) {
        val node = connect() ?: return // the client sees a closed connection, and tries again
        node.use {
            try {
                coroutineScope {
                    launch { client.openReadChannel().copyAndClose(node.openWriteChannel()) }
                    node.openReadChannel().copyAndClose(client.openWriteChannel())
                }
            } catch (_: IOException) {
                // one side has reset the connection: both are closed
            }
        }
    }

    /** Connects to the next node. A node that has ended since its last check is skipped. */
    private suspend fun connect(): Socket? {
        val ready = nodes()
        val first = turn.getAndIncrement()
        for (index in ready.indices) {
            try {
                return aSocket(selector).tcp().connect("127.0.0.1", ready[Math.floorMod(first + index, ready.size)])
            } catch (_: IOException) {
                continue
            }
        }
        return null
    }

    override fun close() {
        listener.close()
        selector.close()
    }

    companion object {
        /**
         * Opens [port], or a free one if it is 0.
         *
         * @throws java.net.BindException if the port is in use
         */
        suspend fun bind(port: Int, nodes: () -> List<Int>): LoadBalancer {
            val selector = SelectorManager(Dispatchers.IO)
            try {
                return LoadBalancer(selector, aSocket(selector).tcp().bind("127.0.0.1", port), nodes)
            } catch (failure: IOException) {
                selector.close()
                throw failure
            }
        }
    }
}
