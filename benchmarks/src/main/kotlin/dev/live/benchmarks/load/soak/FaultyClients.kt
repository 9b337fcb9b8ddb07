package dev.live.benchmarks.load.soak

import dev.live.benchmarks.load.generator.LiveProtocol
import dev.live.benchmarks.load.generator.OutgoingFrames
import dev.live.benchmarks.load.generator.Upgrade
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import java.io.IOException
import java.io.InputStream
import java.net.InetSocketAddress
import java.net.Socket
import java.net.SocketTimeoutException
import kotlin.random.Random

/** Misbehaving clients on plain sockets, without a library. Each call blocks until the connection ends. */
internal class FaultyClients(private val address: InetSocketAddress, private val counts: SoakCounters) {
    /** Subscribes, reads for a moment and resets the connection. */
    fun drop(random: Random) {
        connected { socket ->
            subscribe(socket, "room/${random.nextInt(ROOMS)}")
            readFor(socket.getInputStream(), random.nextLong(50, 1_500))
            socket.setSoLinger(true, 0)
            counts.dropped.increment()
        }
    }

    /**
     * Subscribes to more data than the connection can carry and does not read, until the server closes the connection.
     */
    fun stall() {
        connected { socket ->
            subscribe(socket, "flood")
            val input = socket.getInputStream()
            // fills the TCP window first, then the server's buffers, then the session's queue
            Thread.sleep(STALL_MILLIS)
            counts.stalled.increment() // counted here, because the server may reset such a connection
            readFor(input, CLOSE_MILLIS)
        }
    }

    /** Reads server-sent events for a moment and disconnects. */
    fun readEvents(random: Random) {
        connected { socket ->
            val request = "GET /live/sse?topic=room/${random.nextInt(ROOMS)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            socket.getOutputStream().write(request.toByteArray())
            readFor(socket.getInputStream(), random.nextLong(200, 3_000))
            counts.eventStreams.increment()
        }
    }

    private fun connected(use: (Socket) -> Unit) {
        try {
            Socket().use { socket ->
                socket.receiveBufferSize = RECEIVE_BUFFER
                socket.soTimeout = READ_MILLIS
                socket.connect(address, CONNECT_MILLIS)
                use(socket)
            }
        } catch (_: IOException) {
            Thread.sleep(AGAIN_MILLIS) // the server restarts or has closed the connection
        }
    }

    private fun subscribe(socket: Socket, topic: String) {
        val frames = OutgoingFrames(TEXT)
        frames.addRaw(Upgrade.request(LiveProtocol(JsonCodec), address))
        frames.add(JsonCodec.encode(Message(MessageType.SUBSCRIBE, topic, "1")))
        socket.getOutputStream().write(frames.bytes, 0, frames.size)
    }

    /** Reads for [millis], or until the server closes the connection. */
    private fun readFor(input: InputStream, millis: Long) {
        val end = System.nanoTime() + millis * 1_000_000
        val buffer = ByteArray(BUFFER)
        while (System.nanoTime() < end) {
            try {
                if (input.read(buffer) < 0) return
            } catch (_: SocketTimeoutException) {
                // no data within the read timeout
            }
        }
    }

    private companion object {
        const val TEXT = 0x1
        const val RECEIVE_BUFFER = 4 * 1024
        const val READ_MILLIS = 250
        const val CONNECT_MILLIS = 5_000
        const val AGAIN_MILLIS = 500L
        const val BUFFER = 16 * 1024

        /** Longer than a session's `writeTimeout`, which is 10 s. */
        const val STALL_MILLIS = 15_000L
        const val CLOSE_MILLIS = 2_000L
    }
}

/** Number of topics that clients subscribe to. */
internal const val ROOMS = 20
