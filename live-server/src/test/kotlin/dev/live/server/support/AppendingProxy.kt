package dev.live.server.support

import java.io.InputStream
import java.io.OutputStream
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.concurrent.thread

/** A proxy on the loopback interface that forwards to [target] and appends [seen] to `X-Forwarded-For`. */
internal class AppendingProxy(private val target: Int, private val seen: String = SEEN) : AutoCloseable {
    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val sockets = ConcurrentLinkedQueue<Socket>()

    val port: Int get() = listener.localPort

    init {
        thread(isDaemon = true, name = "proxy") {
            while (!listener.isClosed) {
                val client = ignoringIoErrors { listener.accept() } ?: break
                thread(isDaemon = true, name = "proxy-connection") { ignoringIoErrors { connect(client) } }
            }
        }
    }

    private fun connect(client: Socket) {
        val server = Socket(InetAddress.getLoopbackAddress(), target)
        sockets += listOf(client, server)
        val input = client.getInputStream().buffered()
        server.getOutputStream().write(withAddress(readHead(input)).toByteArray())
        thread(isDaemon = true, name = "proxy-answers") {
            copy(server.getInputStream(), client.getOutputStream(), client)
        }
        copy(input, server.getOutputStream(), server)
    }

    private fun readHead(input: InputStream): List<String> =
        generateSequence {
            buildString {
                while (!endsWith("\r\n")) {
                    val byte = input.read()
                    check(byte >= 0) { "the request ended before the end of its headers" }
                    append(byte.toChar())
                }
            }.removeSuffix("\r\n")
        }.takeWhile { it.isNotEmpty() }.toList()

    private fun withAddress(head: List<String>): String {
        val (given, others) = head.partition { it.startsWith("X-Forwarded-For:", ignoreCase = true) }
        val addresses = given.map { it.substringAfter(':').trim() }.filter { it.isNotEmpty() } + seen
        return (others + "X-Forwarded-For: ${addresses.joinToString(", ")}").joinToString("\r\n") + "\r\n\r\n"
    }

    private fun copy(from: InputStream, to: OutputStream, target: Socket) {
        ignoringIoErrors {
            from.copyTo(to)
            target.shutdownOutput()
        }
    }

    override fun close() {
        listener.close()
        for (socket in sockets) socket.close()
    }

    private fun <T> ignoringIoErrors(block: () -> T): T? =
        try {
            block()
        } catch (_: java.io.IOException) {
            null // one of the two sides is closed
        }

    companion object {
        const val SEEN = "198.51.100.9"
    }
}
