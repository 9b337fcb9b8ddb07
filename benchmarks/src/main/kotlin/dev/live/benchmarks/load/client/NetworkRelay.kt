package dev.live.benchmarks.load.client

import java.io.IOException
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentHashMap
import kotlin.concurrent.thread

/** A TCP relay between clients and the server at port [target] on localhost. It simulates a network outage. */
internal class NetworkRelay(private val target: Int) : AutoCloseable {
    private val open = ConcurrentHashMap.newKeySet<Socket>()

    @Volatile
    private var listener = listen(0)

    val port: Int = listener.localPort

    /** Resets all connections and refuses new ones. */
    fun disconnect() {
        listener.close()
        for (socket in open) {
            ignoringIoException { socket.setSoLinger(true, 0) }
            ignoringIoException { socket.close() }
        }
    }

    fun reconnect() {
        listener = listen(port)
    }

    override fun close(): Unit = disconnect()

    private fun listen(port: Int): ServerSocket {
        val socket = ServerSocket()
        socket.reuseAddress = true
        socket.bind(InetSocketAddress(InetAddress.getLoopbackAddress(), port), BACKLOG)
        thread(isDaemon = true) { ignoringIoException { while (true) relay(socket.accept()) } }
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
        ignoringIoException { from.getInputStream().transferTo(to.getOutputStream()) }
        for (socket in listOf(from, to)) {
            open -= socket
            ignoringIoException { socket.close() }
        }
    }

    private companion object {
        const val BACKLOG = 1024
    }
}

/** Runs [block] and ignores the exception of a closed socket. */
private inline fun ignoringIoException(block: () -> Unit) {
    try {
        block()
    } catch (_: IOException) {
        return
    }
}
