package dev.live.samples.operations

import java.io.IOException
import java.net.InetSocketAddress
import java.net.StandardSocketOptions
import java.nio.ByteBuffer
import java.nio.channels.SelectionKey
import java.nio.channels.Selector
import java.nio.channels.SocketChannel
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * Connects many WebSocket clients in one thread, as load for the admin page: `Crowd <port> <clients> <stalled>`.
 * Stalled clients subscribe and never read. Every two seconds one of them disconnects, and another one connects.
 */
fun main(arguments: Array<String>) {
    val (port, clients, stalled) = arguments.map { it.toInt() }
    val crowd = Crowd(InetSocketAddress("127.0.0.1", port), stalled)
    repeat(clients - stalled) { crowd.join("reader-%04d".format(it), if (it % 4 == 0) "prices/all" else "log/market") }
    println("${clients - stalled} clients are connected; up to $stalled stalled clients will follow")
    crowd.read()
}

private class Crowd(private val address: InetSocketAddress, private val stalledAtOnce: Int) {
    private val selector = Selector.open()
    private val readers = mutableListOf<SocketChannel>()
    private val stalled = ArrayDeque<SocketChannel>()
    private var stalls = 0

    fun join(name: String, vararg topics: String, reads: Boolean = true): SocketChannel {
        val channel = SocketChannel.open()
        if (!reads) channel.setOption(StandardSocketOptions.SO_RCVBUF, SMALL)
        channel.connect(address)
        val head =
            "GET /live?name=$name HTTP/1.1\r\nHost: ${address.hostString}:${address.port}\r\nUpgrade: websocket\r\n" +
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        channel.write(ByteBuffer.wrap(head.toByteArray()))
        channel.awaitEndOfHead()
        for (topic in topics) channel.write(frame(TEXT, """{"type":"subscribe","topic":"$topic"}""".toByteArray()))
        channel.configureBlocking(false)
        if (reads) channel.register(selector, SelectionKey.OP_READ)
        if (reads) readers += channel
        return channel
    }

    /** Reads forever, and sends a frame from each client periodically. */
    fun read() {
        val buffer = ByteBuffer.allocateDirect(256 * 1024)
        var lastPong = TimeSource.Monotonic.markNow()
        var lastStall = TimeSource.Monotonic.markNow() - 1.minutes
        while (true) {
            selector.select(1_000)
            for (key in selector.selectedKeys()) {
                buffer.clear()
                val channel = key.channel() as SocketChannel
                if (!channel.take(buffer)) key.cancel()
            }
            selector.selectedKeys().clear()
            if (stalledAtOnce > 0 && lastStall.elapsedNow() >= 2.seconds) {
                lastStall = TimeSource.Monotonic.markNow()
                stall()
            }
            if (lastPong.elapsedNow() < 15.seconds) continue
            lastPong = TimeSource.Monotonic.markNow()
            for (channel in readers) channel.pong()
        }
    }

    private fun stall() {
        if (stalled.size == stalledAtOnce) stalled.removeFirst().close()
        stalled.addLast(join("stalled-${stalls++}", "log/trace", "prices/all", reads = false))
    }

    private fun SocketChannel.awaitEndOfHead() {
        val head = StringBuilder()
        val one = ByteBuffer.allocate(1)
        while (!head.endsWith("\r\n\r\n")) {
            one.clear()
            if (read(one) < 0) throw IOException("no upgrade: $head")
            head.append(one.get(0).toInt().toChar())
        }
    }

    private fun SocketChannel.take(buffer: ByteBuffer): Boolean =
        try {
            read(buffer) >= 0
        } catch (_: IOException) {
            false
        }

    private fun SocketChannel.pong() {
        try {
            if (isOpen) write(frame(PONG, ByteArray(0)))
        } catch (_: IOException) {
            close() // closed by the server
        }
    }

    /** A short frame with a zero mask: client frames must be masked, and no intermediary needs protection here. */
    private fun frame(opcode: Int, payload: ByteArray): ByteBuffer =
        ByteBuffer.wrap(byteArrayOf(opcode.toByte(), (0x80 or payload.size).toByte(), 0, 0, 0, 0) + payload)

    private companion object {
        const val TEXT = 0x81
        const val PONG = 0x8A
        const val SMALL = 4 * 1024
    }
}
