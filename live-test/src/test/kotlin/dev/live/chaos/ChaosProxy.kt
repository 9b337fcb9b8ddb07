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
 * A network between clients and the server at [target] of this machine, which can do to each connection what networks do.
 * A client names itself in the query of its upgrade: `?client=7`.
 */
internal class ChaosProxy(private val target: () -> Int) : AutoCloseable {
    private val open = ConcurrentHashMap.newKeySet<Link>()
    private val newest = ConcurrentHashMap<Int, Link>()
    private val unended = AtomicInteger()
    private val past = CopyOnWriteArrayList<Link>()

    @Volatile
    private var listener: ServerSocket? = null

    /** What connections that begin now have against them from their start, such as a server that restarts. */
    @Volatile
    var handicap: Fault? = null

    val port: Int = listen(0)

    /** Every connection there ever was. */
    val links: List<Link> get() = past

    /** The connections that are open on both sides, and to which nothing was done but what passes. */
    private val healthy: List<Link> get() = open.filter { link -> link.isWhole && (link.faults - PASSING).isEmpty() }

    /** Whether every connection that is half open has been given up by both sides. */
    val hasNoDeadLinks: Boolean get() = open.none { Fault.HalfOpen in it.faults }

    /**
     * Connections that some side has not ended yet, those over which nothing was asked for included: a client that
     * keeps its socket keeps its connection here, for what the server ends is ended in one direction only.
     */
    val openConnections: Int get() = unended.get()

    /** Whether it takes no connections: they are refused by the machine itself. */
    val isRefusing: Boolean get() = listener == null

    fun newestOf(client: Int): Link? = newest[client]

    /** Does [fault] to all connections. */
    fun toAll(fault: Link.() -> Unit): Unit = open.forEach(fault)

    /** Does [fault] to about [share] of the healthy connections, one of them at least. */
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
        ignoringEnd {
            while (true) {
                val near = socket.accept()
                unended.incrementAndGet()
                Thread({ untilEnd(near) }, THREAD_NAME).apply { isDaemon = true }.start()
            }
        }
    }

    private fun untilEnd(near: Socket) {
        try {
            ignoringEnd { connect(near) }
        } finally {
            unended.decrementAndGet()
        }
    }

    private fun connect(near: Socket) {
        near.tcpNoDelay = true
        near.use {
            val first = firstBytes(near) ?: return
            val client = checkNotNull(CLIENT.find(first.decodeToString())) { "an upgrade without a client" }
            Socket(InetAddress.getLoopbackAddress(), target()).use { far ->
                far.tcpNoDelay = true
                through(client.groupValues[1].toInt(), near, far, first)
            }
        }
    }

    private fun through(client: Int, near: Socket, far: Socket, first: ByteArray) {
        lateinit var link: Link
        link = Link(client, near, far) { open -= link }
        handicap?.let { link.faults += it }
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

/** What a connection may have behind it and be as good as any. */
internal val PASSING = setOf(Fault.Stall, Fault.Restart)
