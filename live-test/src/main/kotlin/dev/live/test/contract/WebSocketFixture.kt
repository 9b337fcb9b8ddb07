package dev.live.test.contract

import dev.live.client.transport.Transport
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import kotlinx.coroutines.channels.Channel
import java.io.IOException
import java.io.OutputStream
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.security.MessageDigest
import java.util.Base64
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.concurrent.thread

/**
 * A [TransportFixture] with a WebSocket server on a port of the loopback interface, for any transport that connects to
 * `ws://` URLs. The server implements RFC 6455 without an HTTP library.
 *
 * @param transport the transport under test
 */
public class WebSocketFixture(override val transport: Transport, override val codec: Codec = JsonCodec) :
    TransportFixture {
    private val listener = ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress())
    private val accepted = Channel<ServerEnd>(BACKLOG)
    private val sockets = CopyOnWriteArrayList<Socket>()

    /** The status of all upgrades; null leaves them without a response. */
    @Volatile
    private var status: Int? = SWITCHING_PROTOCOLS

    /** Keeps a port on which nothing listens. A port that is closed may accept a connection more, or be used again. */
    private val unreachable = Socket().apply { bind(InetSocketAddress(InetAddress.getLoopbackAddress(), 0)) }

    @Volatile
    private var port = listener.localPort

    override val url: String get() = "ws://127.0.0.1:$port/live"

    init {
        startThread("live-contract-listener") {
            while (true) {
                val socket = listener.accept()
                sockets += socket
                startThread("live-contract-connection") { socket.use { serve(it) } }
            }
        }
    }

    override suspend fun accept(): ServerEnd = accepted.receive()

    override fun reject(status: Int) {
        this.status = status
    }

    override fun ignoreUpgrades() {
        status = null
    }

    override fun stopListening() {
        port = unreachable.localPort
    }

    override fun close() {
        listener.close()
        unreachable.close()
        sockets.forEach { it.close() }
        accepted.close()
    }

    /** Responds to the upgrade, and reads from [socket] until the connection ends. */
    private fun serve(socket: Socket) {
        val head = socket.readHead()
        when (val status = status) {
            SWITCHING_PROTOCOLS -> {
                val key = head["sec-websocket-key"] ?: throw IOException("the request has no Sec-WebSocket-Key")
                socket.respond(
                    "HTTP/1.1 101 Switching Protocols",
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Accept: ${acceptFor(key)}",
                    "Sec-WebSocket-Protocol: ${codec.subprotocol}",
                )
                val end = SocketEnd(socket, head, codec.isBinary)
                accepted.trySend(end)
                end.run()
            }
            null -> socket.getInputStream().transferTo(OutputStream.nullOutputStream()) // until the client gives up
            else -> socket.respond("HTTP/1.1 $status Rejected", "Content-Length: 0", "Connection: close")
        }
    }

    private fun startThread(name: String, block: () -> Unit) {
        thread(name = name, isDaemon = true) {
            try {
                block()
            } catch (_: IOException) {
                // closed by the fixture or by the client
            }
        }
    }
}

/** Reads the headers of the request, by their names in lower case. */
private fun Socket.readHead(): Map<String, String> {
    val head = StringBuilder()
    while (!head.endsWith("\r\n\r\n")) {
        val next = getInputStream().read()
        if (next < 0) throw IOException("the connection ended within the request")
        head.append(next.toChar())
    }
    return head.lines()
        .filter { ':' in it }
        .associate { it.substringBefore(':').lowercase() to it.substringAfter(':').trim() }
}

private fun Socket.respond(vararg lines: String) {
    val output = getOutputStream()
    output.write(lines.joinToString("\r\n", postfix = "\r\n\r\n").encodeToByteArray())
    output.flush()
}

private fun acceptFor(key: String): String {
    val digest = MessageDigest.getInstance("SHA-1").digest((key + WEBSOCKET_GUID).encodeToByteArray())
    return Base64.getEncoder().encodeToString(digest)
}

/** Connections of one test that may wait for `accept`. */
private const val BACKLOG = 50
private const val SWITCHING_PROTOCOLS = 101

// RFC 6455, section 1.3
private const val WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
