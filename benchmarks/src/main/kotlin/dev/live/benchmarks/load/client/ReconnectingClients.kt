package dev.live.benchmarks.load.client

import dev.live.benchmarks.load.peer.NpmPeers
import dev.live.client.LiveClient
import dev.live.client.connection.Network
import dev.live.client.connection.NetworkMonitor
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** Clients of one kind behind their own [NetworkRelay]. The server sends to all of them continuously. */
internal interface ReconnectingClients : AutoCloseable {
    val name: String

    /** Connects [clients] clients. [onMessage] gets a client's number for each message, on any thread. */
    fun start(clients: Int, onMessage: (Int) -> Unit)

    fun dropNetwork()

    fun restoreNetwork()
}

/** live's clients with default settings. With [hasMonitor], a [NetworkMonitor] reports the outage and its end. */
internal class LiveReconnectingClients(
    port: Int,
    private val hasMonitor: Boolean,
    private val scope: CoroutineScope,
) : ReconnectingClients {
    override val name: String = if (hasMonitor) "live with a NetworkMonitor" else "live with backoff only"
    private val relay = NetworkRelay(port)
    private val returns = AtomicInteger()
    private val network = MutableStateFlow<Network>(Network.Available("0"))
    private val clients = ArrayList<LiveClient>()

    override fun start(clients: Int, onMessage: (Int) -> Unit) {
        for (number in 0 until clients) {
            val client =
                LiveClient("ws://127.0.0.1:${relay.port}/live") {
                    if (hasMonitor) networkMonitor = NetworkMonitor { network }
                }
            this.clients += client
            scope.launch { client.rawTopic(TOPIC).messages.collect { onMessage(number) } }
        }
    }

    override fun dropNetwork() {
        relay.disconnect()
        network.value = Network.None
    }

    override fun restoreNetwork() {
        relay.reconnect()
        network.value = Network.Available("${returns.incrementAndGet()}")
    }

    override fun close() {
        runBlocking { clients.forEach { it.close() } }
        relay.close()
    }

    companion object {
        const val TOPIC = "news"
    }
}

/** Socket.IO's own client and server on Node: `peers/socketio-clients.mjs`. */
internal class SocketIoReconnectingClients : ReconnectingClients {
    override val name: String = "Socket.IO"
    private lateinit var process: Process
    private lateinit var relay: NetworkRelay

    override fun start(clients: Int, onMessage: (Int) -> Unit) {
        process =
            ProcessBuilder(NpmPeers.script("socketio-clients")).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val output = process.inputStream.bufferedReader()
        val first = output.readLine() ?: error("socketio-clients did not start")
        relay = NetworkRelay(first.substringAfterLast(':').toInt())
        process.outputStream.bufferedWriter().apply { write("${relay.port} $clients\n") }.flush()
        thread(isDaemon = true) { output.forEachLine { onMessage(it.toInt()) } }
    }

    override fun dropNetwork(): Unit = relay.disconnect()

    override fun restoreNetwork(): Unit = relay.reconnect()

    override fun close() {
        process.destroy()
        relay.close()
    }
}
