package dev.live.samples.syncpostgres

import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.concurrent.thread

/** A proxy that can stall connections without closing them, like a failed network. */
class StallingProxy(private val target: Int) : AutoCloseable {
    private class Link(val sockets: List<Socket>) {
        @Volatile
        var isStalled = false
    }

    private val server = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val links = CopyOnWriteArrayList<Link>()
    val port: Int = server.localPort

    init {
        thread(isDaemon = true, name = "proxy") { untilClosed { while (true) accept(server.accept()) } }
    }

    /** Stalls all current connections: they stay open, but their bytes are dropped. */
    fun stallConnections(): Unit = links.forEach { it.isStalled = true }

    override fun close() {
        server.close()
        links.forEach { link -> link.sockets.forEach { it.close() } }
    }

    private fun accept(client: Socket) {
        val backend = Socket(InetAddress.getLoopbackAddress(), target)
        val link = Link(listOf(client, backend))
        links += link
        for ((from, to) in listOf(client to backend, backend to client)) {
            thread(isDaemon = true, name = "proxy") {
                untilClosed { pump(from, to, link) }
                if (!link.isStalled) link.sockets.forEach { it.close() }
            }
        }
    }

    private fun pump(from: Socket, to: Socket, link: Link) {
        val buffer = ByteArray(8_192)
        while (true) {
            val count = from.getInputStream().read(buffer)
            if (count < 0) return
            if (!link.isStalled) to.getOutputStream().write(buffer, 0, count)
        }
    }

    private fun untilClosed(block: () -> Unit) {
        try {
            block()
        } catch (_: IOException) {
            return // closed by either side
        }
    }
}
