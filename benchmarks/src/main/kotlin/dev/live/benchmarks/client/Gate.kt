package dev.live.benchmarks.client

import java.io.IOException
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentHashMap
import kotlin.concurrent.thread

/** A network between clients and the server at [target] of this machine, which can go and return. */
internal class Gate(private val target: Int) : AutoCloseable {
    private val open = ConcurrentHashMap.newKeySet<Socket>()

    @Volatile
    private var listener = listen(0)

    val port: Int = listener.localPort

    /** Resets all connections, and refuses new ones from now on. */
    fun shut() {
        listener.close()
        for (socket in open) {
            ignoringEnd { socket.setSoLinger(true, 0) }
            ignoringEnd { socket.close() }
        }
    }

    fun reopen() {
        listener = listen(port)
    }

    override fun close(): Unit = shut()

    private fun listen(port: Int): ServerSocket {
        val socket = ServerSocket()
        socket.reuseAddress = true
        socket.bind(InetSocketAddress(InetAddress.getLoopbackAddress(), port), BACKLOG)
        thread(isDaemon = true) { ignoringEnd { while (true) relay(socket.accept()) } }
        return socket
    }

    private fun relay(near: Socket) {
        val far = Socket(InetAddress.getLoopbackAddress(), target)
        for ((from, to) in listOf(near to far, far to near)) {
            from.tcpNoDelay = true
            open += from
            thread(isDaemon = true) { copy(from, to) }
        }
    }

    private fun copy(from: Socket, to: Socket) {
        ignoringEnd { from.getInputStream().transferTo(to.getOutputStream()) }
        for (socket in listOf(from, to)) {
            open -= socket
            ignoringEnd { socket.close() }
        }
    }

    private companion object {
        const val BACKLOG = 1024
    }
}

/** Runs [block], which ends where a socket does. */
private inline fun ignoringEnd(block: () -> Unit) {
    try {
        block()
    } catch (_: IOException) {
        return
    }
}
