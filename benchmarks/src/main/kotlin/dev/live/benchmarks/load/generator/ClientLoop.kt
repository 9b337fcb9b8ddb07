package dev.live.benchmarks.load.generator

import java.io.IOException
import java.net.InetSocketAddress
import java.net.StandardSocketOptions
import java.nio.ByteBuffer
import java.nio.channels.SelectionKey
import java.nio.channels.Selector
import java.nio.channels.SocketChannel
import java.util.function.Consumer

/** Receives deliveries, each with the offset of its marker. The bytes are only valid during the call. */
internal fun interface DeliverySink {
    fun onDelivery(connection: Connection, bytes: ByteArray, markerAt: Int, now: Long)
}

/**
 * All clients of a benchmark on one thread. One core of clients can saturate one core of server: one read per ready
 * socket, one shared buffer, and no allocation per delivery.
 * One file, because only the loop calls its [DeliverySink].
 */
internal class ClientLoop(private val protocol: WireProtocol, private val address: InetSocketAddress) {
    private val selector = Selector.open()
    private val direct = ByteBuffer.allocateDirect(READ_SIZE)
    private val bytes = ByteArray(READ_SIZE + MAX_PENDING)
    private val scanner = FrameScanner(if (protocol.offersCompression) SharedInflater() else null, ::onFrame)
    private val onKey = Consumer<SelectionKey>(::onReady)
    private val dirty = ArrayList<Connection>()
    private val markers = MarkerFinder()
    private var now = 0L
    private var acknowledged = 0
    private var deliveredInRead = 0

    val connections = ArrayList<Connection>()
    var sink = DeliverySink { _, _, _, _ -> }
    var settled = 0
        private set
    var closed = 0
        private set

    /** Reads of a socket that completed at least one delivery. */
    var deliveryReads = 0L
        private set

    /** Opens [count] clients and returns when all their subscriptions are acknowledged. */
    fun open(count: Int, subscriptions: (client: Int) -> Iterator<ByteArray>) {
        val target = connections.size + count
        var client = 0
        awaitSettled(target) {
            while (connections.size < minOf(target, settled + MAX_OPENING)) connect(subscriptions(client++))
        }
    }

    /**
     * Sends further subscriptions from [count] open clients, starting at [first]. Returns when all are acknowledged.
     */
    fun subscribe(first: Int, count: Int, subscriptions: (client: Int) -> Iterator<ByteArray>) {
        val target = settled
        for (client in 0 until count) {
            val connection = connections[first + client]
            connection.subscriptions = subscriptions(client)
            connection.isSettled = false
            settled--
            subscribe(connection)
        }
        awaitSettled(target) { }
    }

    private inline fun awaitSettled(target: Int, iteration: () -> Unit) {
        var progress = acknowledged + settled
        var progressAt = System.nanoTime()
        while (settled < target) {
            iteration()
            flushDirty()
            poll(POLL_MILLIS)
            check(closed == 0) { "the server closed a connection during the setup: ${describeClosed()}" }
            if (acknowledged + settled != progress) {
                progress = acknowledged + settled
                progressAt = System.nanoTime()
            }
            check(System.nanoTime() - progressAt < STALL_NANOS) { "only $settled of $target clients are subscribed" }
        }
    }

    /**
     * Runs one iteration of the selector loop: waits up to [millis] for a socket (0: does not wait), and handles all
     * ready sockets.
     */
    fun poll(millis: Long) {
        if (millis > 0) selector.select(onKey, millis) else selector.selectNow(onKey)
        flushDirty()
    }

    fun send(connection: Connection, template: FrameTemplate, sequence: Int, time: Long) {
        connection.out.add(template, sequence, time)
        markDirty(connection)
    }

    fun flushDirty() {
        for (i in dirty.indices) {
            val connection = dirty[i]
            connection.isDirty = false
            if (connection.stage != Stage.CLOSED) orClose(connection) { connection.flush(direct) }
        }
        dirty.clear()
    }

    fun describeClosed(): String = "close code ${connections.find { it.stage == Stage.CLOSED }?.closeCode} (0: none)"

    private fun connect(subscriptions: Iterator<ByteArray>) {
        val channel = SocketChannel.open()
        val index = connections.size
        channel.configureBlocking(false)
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true)
        // one source address has too few ports for many more connections to one server
        if (index >= PER_ADDRESS) channel.bind(InetSocketAddress("127.0.0.${1 + index / PER_ADDRESS}", 0))
        val connection = Connection(index, channel, if (protocol.isBinary) BINARY else TEXT, subscriptions)
        connections += connection
        channel.connect(address)
        connection.key = channel.register(selector, SelectionKey.OP_CONNECT, connection)
    }

    private fun onReady(key: SelectionKey) {
        val connection = key.attachment() as Connection
        orClose(connection) {
            if (key.isConnectable) upgrade(connection)
            if (key.isReadable) read(connection)
            if (key.isValid && key.isWritable) connection.flush(direct)
        }
        flushDirty()
    }

    private inline fun orClose(connection: Connection, block: () -> Unit) {
        try {
            block()
        } catch (e: IOException) {
            if (connection.closeCode == 0) System.err.println("connection ${connection.index}: ${e.message}")
            close(connection)
        }
    }

    private fun upgrade(connection: Connection) {
        connection.channel.finishConnect()
        connection.stage = Stage.UPGRADING
        connection.out.addRaw(Upgrade.request(protocol, address))
        connection.flush(direct)
    }

    private fun read(connection: Connection) {
        direct.clear()
        val count = connection.channel.read(direct)
        if (count < 0) return close(connection)
        val kept = connection.pendingSize
        if (kept > 0) connection.pending.copyInto(bytes, 0, 0, kept)
        direct.flip().get(bytes, kept, count)
        now = System.nanoTime()
        var from = 0
        if (connection.stage == Stage.UPGRADING) {
            from = Upgrade.end(bytes, kept + count)
            if (from < 0) return connection.keep(bytes, 0, kept + count)
            greet(connection)
        }
        deliveredInRead = 0
        val rest = scanner.scan(connection, bytes, from, kept + count)
        if (deliveredInRead > 0) deliveryReads++
        connection.keep(bytes, rest, kept + count)
    }

    private fun greet(connection: Connection) {
        val hello = protocol.hello() ?: return ready(connection)
        connection.stage = Stage.GREETING
        reply(connection, hello)
    }

    private fun ready(connection: Connection) {
        connection.stage = Stage.OPEN
        subscribe(connection)
    }

    /**
     * Sends a few at a time: the acknowledgements of a client with many topics might overflow its queue on the server.
     */
    private fun subscribe(connection: Connection) {
        while (connection.unacknowledged < MAX_UNACKNOWLEDGED && connection.subscriptions.hasNext()) {
            connection.unacknowledged++
            reply(connection, connection.subscriptions.next())
        }
        if (connection.unacknowledged == 0 && !connection.isSettled) {
            connection.isSettled = true
            settled++
        }
    }

    private fun onFrame(connection: Connection, opcode: Int, bytes: ByteArray, from: Int, to: Int) {
        when (opcode) {
            TEXT, BINARY -> {
                val at = markers.find(bytes, from, to)
                if (at >= 0) {
                    deliveredInRead++
                    sink.onDelivery(connection, bytes, at, now)
                } else {
                    onOther(connection, bytes, from, to)
                }
            }
            CLOSE -> connection.closeCode = if (to - from < 2) NO_CODE else FrameScanner.uint16(bytes, from)
            PING -> {
                connection.out.add(bytes.copyOfRange(from, to), PONG)
                markDirty(connection)
            }
        }
    }

    private fun onOther(connection: Connection, bytes: ByteArray, from: Int, to: Int) {
        when (protocol.classify(bytes, from, to)) {
            FrameKind.READY -> ready(connection)
            FrameKind.ACK -> {
                connection.unacknowledged--
                acknowledged++
                subscribe(connection)
            }
            FrameKind.PING -> reply(connection, protocol.pong())
            FrameKind.IGNORE -> Unit
            FrameKind.ERROR -> error("unexpected message: ${String(bytes, from, minOf(to - from, MAX_SHOWN))}")
        }
    }

    private fun reply(connection: Connection, payload: ByteArray) {
        connection.out.add(payload)
        markDirty(connection)
    }

    private fun markDirty(connection: Connection) {
        if (connection.isDirty) return
        connection.isDirty = true
        dirty += connection
    }

    private fun close(connection: Connection) {
        if (connection.stage == Stage.CLOSED) return
        connection.stage = Stage.CLOSED
        closed++
        connection.channel.close()
    }

    private companion object {
        const val TEXT = 1
        const val BINARY = 2
        const val CLOSE = 8
        const val PING = 9
        const val PONG = 10
        const val NO_CODE = 1005
        const val READ_SIZE = 256 * 1024
        const val MAX_PENDING = 2 * 1024 * 1024
        const val MAX_OPENING = 200
        const val MAX_UNACKNOWLEDGED = 32
        const val PER_ADDRESS = 8_000
        const val MAX_SHOWN = 300
        const val POLL_MILLIS = 100L
        const val STALL_NANOS = 30_000_000_000L
    }
}
