package dev.live.redis.support

import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/**
 * A link between a node and Redis, which the test can cut, stall or slow down.
 *
 * @param route returns the port that the next connection leads to; null to use [targetPort]
 */
class TcpProxy(targetPort: Int, private val route: (() -> Int)? = null) : AutoCloseable {
    /** The port that new connections lead to. */
    @Volatile
    var targetPort: Int = targetPort

    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val sockets: MutableSet<Socket> = ConcurrentHashMap.newKeySet()
    val port: Int get() = listener.localPort
    val url: String get() = "redis://127.0.0.1:$port"

    /** Whether connections are closed as soon as they are accepted. */
    @Volatile
    var isCut = false
        private set

    /** Whether bytes from Redis are discarded. */
    @Volatile
    var dropsReplies = false

    /** Whether bytes are discarded in both directions, without closing the connections. */
    @Volatile
    var isStalled = false

    /** Bytes per second in each direction of a connection; 0 for no limit. */
    @Volatile
    var bytesPerSecond: Int = 0

    /** Number of connections with discarded requests. */
    val stalledConnections: AtomicInteger = AtomicInteger()

    init {
        thread(isDaemon = true) { accept() }
    }

    /** Closes all connections, and new ones until [restore]. */
    fun cut() {
        isCut = true
        closeAll()
    }

    fun restore() {
        isCut = false
        dropsReplies = false
        isStalled = false
    }

    fun closeAll() {
        for (socket in sockets) socket.close()
        sockets.clear()
    }

    override fun close() {
        listener.close()
        closeAll()
    }

    private fun accept() {
        while (!listener.isClosed) {
            try {
                connect(listener.accept())
            } catch (_: IOException) {
                // the target is down, or the proxy has ended
            }
        }
    }

    private fun connect(client: Socket) {
        if (isCut) return client.close()
        val server =
            try {
                Socket(InetAddress.getLoopbackAddress(), route?.invoke() ?: targetPort)
            } catch (e: IOException) {
                client.close()
                throw e
            }
        sockets += client
        sockets += server
        thread(isDaemon = true) { pump(client, server, isReply = false) }
        thread(isDaemon = true) { pump(server, client, isReply = true) }
    }

    /** Closes the connections that lead to [port]. */
    fun closeAll(port: Int) {
        for (socket in sockets) if (socket.port == port) socket.close() // the pump closes the other side
    }

    private fun pump(from: Socket, to: Socket, isReply: Boolean) {
        val buffer = ByteArray(64 * 1024)
        var isLossy = false
        try {
            while (true) {
                val rate = bytesPerSecond
                val count = from.getInputStream().read(buffer, 0, if (rate == 0) buffer.size else THROTTLED_READ)
                if (count < 0) break
                // once bytes are missing, the connection delivers no more
                if (!isLossy && (isStalled || (isReply && dropsReplies))) {
                    isLossy = true
                    if (!isReply) stalledConnections.incrementAndGet()
                }
                if (rate > 0) Thread.sleep(count * MILLIS_PER_SECOND / rate)
                if (!isLossy) to.getOutputStream().write(buffer, 0, count)
            }
        } catch (_: IOException) {
            // closed by the test or by the other side
        }
        for (socket in listOf(from, to)) {
            socket.close()
            sockets -= socket
        }
    }

    private companion object {
        const val THROTTLED_READ = 8 * 1024
        const val MILLIS_PER_SECOND = 1_000L
    }
}
