package dev.live.chaos

import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random

/**
 * A TCP proxy in front of the server at local port [target]. It can inject faults into each connection. A client
 * identifies itself in the query of the upgrade: `?client=7`.
 */
internal class ChaosProxy(private val target: () -> Int) : AutoCloseable {
    private val open = ConcurrentHashMap.newKeySet<Link>()
    private val newest = ConcurrentHashMap<Int, Link>()
    private val openCount = AtomicInteger()
    private val past = CopyOnWriteArrayList<Link>()

    @Volatile
    private var listener: ServerSocket? = null

    /** A fault recorded for each new connection, such as a server restart. */
    @Volatile
    var initialFault: Fault? = null

    val port: Int = listen(0)

    /** All connections so far. */
    val links: List<Link> get() = past

    /** Connections that are open on both sides and have only transient faults. */
    private val healthy: List<Link>
        get() = open.filter { link -> link.isWhole && (link.faults - TRANSIENT_FAULTS).isEmpty() }

    /** True if both sides have closed every half-open connection. */
    val hasNoDeadLinks: Boolean get() = open.none { Fault.HalfOpen in it.faults }

    /**
     * Number of connections that at least one side has not closed yet, including those without a request. A client
     * socket that stays open is counted, because a close by the server closes only one direction.
     */
    val openConnections: Int get() = openCount.get()

    /** Whether the proxy does not listen, so that the operating system refuses connections. */
    val isRefusing: Boolean get() = listener == null

    fun newestOf(client: Int): Link? = newest[client]

    /** Injects [fault] into all connections. */
    fun toAll(fault: Link.() -> Unit): Unit = open.forEach(fault)

    /** Injects [fault] into about [share] of the healthy connections, at least one. */
    fun toSome(share: Double, random: Random, fault: Link.() -> Unit) {
        val chosen = healthy.sortedBy { it.client }.shuffled(random)
        chosen.take(maxOf(1, (chosen.size * share).toInt())).forEach(fault)
    }

    fun refuse() {
        listener?.close()
        listener = null
    }

    fun accept() {
        listen(port)
    }

    override fun close() {
        refuse()
        open.forEach { it.cut(isReset = false) }
    }

    private fun listen(port: Int): Int {
        val socket = ServerSocket()
        socket.reuseAddress = true
        socket.bind(InetSocketAddress(InetAddress.getLoopbackAddress(), port), BACKLOG)
        listener = socket
        Thread({ acceptAll(socket) }, "$THREAD_NAME-accept").apply { isDaemon = true }.start()
        return socket.localPort
    }

    private fun acceptAll(socket: ServerSocket) {
        ignoringIoErrors {
            while (true) {
                val near = socket.accept()
                openCount.incrementAndGet()
                Thread({ handle(near) }, THREAD_NAME).apply { isDaemon = true }.start()
            }
        }
    }

    private fun handle(near: Socket) {
        try {
            ignoringIoErrors { connect(near) }
        } finally {
            openCount.decrementAndGet()
        }
    }

    private fun connect(near: Socket) {
        near.tcpNoDelay = true
        near.use {
            val first = firstBytes(near) ?: return
            val client = checkNotNull(CLIENT.find(first.decodeToString())) { "query parameter 'client' is missing" }
            Socket(InetAddress.getLoopbackAddress(), target()).use { far ->
                far.tcpNoDelay = true
                relay(client.groupValues[1].toInt(), near, far, first)
            }
        }
    }

    private fun relay(client: Int, near: Socket, far: Socket, first: ByteArray) {
        lateinit var link: Link
        link = Link(client, near, far) { open -= link }
        initialFault?.let { link.faults += it }
        open += link
        past += link
        newest[client] = link
        link.run(first)
        link.awaitEnd()
    }

    private fun firstBytes(near: Socket): ByteArray? {
        val buffer = ByteArray(BUFFER)
        val count = near.getInputStream().read(buffer)
        return if (count < 0) null else buffer.copyOf(count)
    }

    private companion object {
        const val BACKLOG = 256
        const val BUFFER = 8 * 1024
        val CLIENT = Regex("""[?&]client=(\d+)""")
    }
}

/** Faults that a connection survives. */
internal val TRANSIENT_FAULTS = setOf(Fault.Stall, Fault.Restart)
