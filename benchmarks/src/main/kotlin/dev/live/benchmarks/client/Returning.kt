package dev.live.benchmarks.client

import dev.live.benchmarks.peer.NpmPeers
import dev.live.client.LiveClient
import dev.live.client.connection.Network
import dev.live.client.connection.NetworkMonitor
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** Clients of one kind behind a [Gate] of their own, to all of which the server sends all the time. */
internal interface Returning : AutoCloseable {
    val name: String

    /** Lets [clients] of them connect; [onMessage] gets a client's number, from any thread, for each message. */
    fun start(clients: Int, onMessage: (Int) -> Unit)

    fun networkIsGone()

    fun networkIsBack()
}

/** live's, with the defaults of all settings. With [isTold] a [NetworkMonitor] says what the network does. */
internal class LiveReturning(port: Int, private val isTold: Boolean, private val scope: CoroutineScope) : Returning {
    override val name: String = if (isTold) "live, told by a NetworkMonitor" else "live, by backoff alone"
    private val gate = Gate(port)
    private val returns = AtomicInteger()
    private val network = MutableStateFlow<Network>(Network.Available("0"))
    private val clients = ArrayList<LiveClient>()

    override fun start(clients: Int, onMessage: (Int) -> Unit) {
        for (number in 0 until clients) {
            val client =
                LiveClient("ws://127.0.0.1:${gate.port}/live") {
                    if (isTold) networkMonitor = NetworkMonitor { network }
                }
            this.clients += client
            scope.launch { client.rawTopic(TOPIC).messages.collect { onMessage(number) } }
        }
    }

    override fun networkIsGone() {
        gate.shut()
        network.value = Network.None
    }

    override fun networkIsBack() {
        gate.reopen()
        network.value = Network.Available("${returns.incrementAndGet()}")
    }

    override fun close() {
        runBlocking { clients.forEach { it.close() } }
        gate.close()
    }

    companion object {
        const val TOPIC = "news"
    }
}

/** Socket.IO's own client and server, on Node: `peers/socketio-clients.mjs`. */
internal class SocketIoReturning : Returning {
    override val name: String = "Socket.IO"
    private lateinit var process: Process
    private lateinit var gate: Gate

    override fun start(clients: Int, onMessage: (Int) -> Unit) {
        process =
            ProcessBuilder(NpmPeers.script("socketio-clients")).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val output = process.inputStream.bufferedReader()
        val first = output.readLine() ?: error("socketio-clients did not start")
        gate = Gate(first.substringAfterLast(':').toInt())
        process.outputStream.bufferedWriter().apply { write("${gate.port} $clients\n") }.flush()
        thread(isDaemon = true) { output.forEachLine { onMessage(it.toInt()) } }
    }

    override fun networkIsGone(): Unit = gate.shut()

    override fun networkIsBack(): Unit = gate.reopen()

    override fun close() {
        process.destroy()
        gate.close()
    }
}
