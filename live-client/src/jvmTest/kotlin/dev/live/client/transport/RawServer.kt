package dev.live.client.transport

import java.io.IOException
import java.net.ServerSocket
import java.net.Socket
import java.security.MessageDigest
import java.util.Base64
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** Calls [serve] for every connection of [socket], with the head of its request, then closes the connection. */
internal class RawServer(private val socket: ServerSocket, private val serve: Socket.(String) -> Unit) : AutoCloseable {
    private val connections = CopyOnWriteArrayList<Socket>()
    private val acceptedCount = AtomicInteger()
    private val endedCount = AtomicInteger()

    val port: Int get() = socket.localPort

    /** Number of accepted connections. */
    val accepted: Int get() = acceptedCount.get()

    /** Number of ended connections. */
    val ended: Int get() = endedCount.get()

    init {
        thread(name = "raw-server", isDaemon = true) { untilClosed { while (true) accept(socket.accept()) } }
    }

    override fun close() {
        socket.close()
        connections.forEach { it.close() }
    }

    private fun accept(connection: Socket) {
        acceptedCount.incrementAndGet()
        connections += connection
        thread(name = "raw-connection", isDaemon = true) {
            try {
                untilClosed { connection.use { it.serve(it.readHead()) } }
            } finally {
                endedCount.incrementAndGet()
            }
        }
    }

    private fun untilClosed(block: () -> Unit) {
        try {
            block()
        } catch (_: IOException) {
            // closed by either side
        }
    }

    /** Reads up to the empty line or the end. Stops after one byte if it is not HTTP, such as a TLS handshake. */
    private fun Socket.readHead(): String {
        val head = StringBuilder()
        while (!head.endsWith("\r\n\r\n")) {
            val next = getInputStream().read()
            if (next < 0) break
            head.append(next.toChar())
            if (head.first() != 'G') break
        }
        return head.toString()
    }
}

/** Upgrades the connection of [request] to a WebSocket. */
internal fun Socket.upgrade(request: String, subprotocol: String?) {
    val line = request.lines().find { it.startsWith("Sec-WebSocket-Key:", ignoreCase = true) }
    val key = line?.substringAfter(':')?.trim() ?: throw IOException("the request has no Sec-WebSocket-Key")
    val digest = MessageDigest.getInstance("SHA-1").digest((key + WEBSOCKET_GUID).toByteArray())
    val response =
        listOfNotNull(
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Accept: ${Base64.getEncoder().encodeToString(digest)}",
            subprotocol?.let { "Sec-WebSocket-Protocol: $it" },
            "\r\n",
        ).joinToString("\r\n")
    getOutputStream().write(response.toByteArray())
    getOutputStream().flush()
}

/** An unmasked frame with [opcode] and a [payload] of less than 64 KiB. */
internal fun frame(opcode: Int, payload: ByteArray): ByteArray {
    val size = payload.size
    val length =
        if (size < 126) byteArrayOf(size.toByte()) else byteArrayOf(126, (size shr 8).toByte(), size.toByte())
    return byteArrayOf((0x80 or opcode).toByte()) + length + payload
}

// RFC 6455, 1.3
private const val WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
