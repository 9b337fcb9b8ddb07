package dev.live.redis.support

import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** A link between a node and Redis, which the test can cut or stall. */
class TcpProxy(targetPort: Int) : AutoCloseable {
    /** The port that new connections lead to. */
    @Volatile
    var targetPort: Int = targetPort

    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val sockets: MutableSet<Socket> = ConcurrentHashMap.newKeySet()
    val url: String get() = "redis://127.0.0.1:${listener.localPort}"

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
                val client = listener.accept()
                if (isCut) {
                    client.close()
                    continue
                }
                val server = Socket(InetAddress.getLoopbackAddress(), targetPort)
                sockets += client
                sockets += server
                thread(isDaemon = true) { pump(client, server, isReply = false) }
                thread(isDaemon = true) { pump(server, client, isReply = true) }
            } catch (_: IOException) {
                // the target is down, or the proxy has ended
            }
        }
    }

    private fun pump(from: Socket, to: Socket, isReply: Boolean) {
        val buffer = ByteArray(64 * 1024)
        var isLossy = false
        try {
            while (true) {
                val count = from.getInputStream().read(buffer)
                if (count < 0) break
                // once bytes are missing, the connection delivers no more
                if (!isLossy && (isStalled || (isReply && dropsReplies))) {
                    isLossy = true
                    if (!isReply) stalledConnections.incrementAndGet()
                }
                if (!isLossy) to.getOutputStream().write(buffer, 0, count)
            }
        } catch (_: IOException) {
            // closed by the test or by the other side
        }
        from.close()
        to.close()
    }
}
