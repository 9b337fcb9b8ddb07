package dev.live.benchmarks.soak

import dev.live.benchmarks.load.LiveProtocol
import dev.live.benchmarks.load.OutgoingFrames
import dev.live.benchmarks.load.Upgrade
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import java.io.IOException
import java.io.InputStream
import java.net.InetSocketAddress
import java.net.Socket
import java.net.SocketTimeoutException
import kotlin.random.Random

/** Clients without a library, which behave as badly as the network lets them. Each call blocks until the connection ends. */
internal class RawClients(private val address: InetSocketAddress, private val counts: Counts) {
    /** Subscribes, reads for a moment and resets the connection. */
    fun drop(random: Random) {
        connected { socket ->
            subscribe(socket, "room/${random.nextInt(ROOMS)}")
            readFor(socket.getInputStream(), random.nextLong(50, 1_500))
            socket.setSoLinger(true, 0)
            counts.dropped.increment()
        }
    }

    /** Subscribes to more than a slow connection takes and does not read, until the server has had enough. */
    fun stall() {
        connected { socket ->
            subscribe(socket, "flood")
            val input = socket.getInputStream()
            // the window that was offered fills, then the server's buffers, then the session's queue
            Thread.sleep(STALL_MILLIS)
            counts.stalled.increment() // here, since the server may end such a connection with a reset
            readFor(input, CLOSE_MILLIS)
        }
    }

    /** Reads server-sent events for a moment and goes. */
    fun listen(random: Random) {
        connected { socket ->
            val request = "GET /live/sse?topic=room/${random.nextInt(ROOMS)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            socket.getOutputStream().write(request.toByteArray())
            readFor(socket.getInputStream(), random.nextLong(200, 3_000))
            counts.listened.increment()
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
            Thread.sleep(AGAIN_MILLIS) // the server restarts, or has ended the connection
        }
    }

    private fun subscribe(socket: Socket, topic: String) {
        val frames = OutgoingFrames(TEXT)
        frames.addRaw(Upgrade.request(LiveProtocol(JsonCodec), address))
        frames.add(JsonCodec.encode(Message(MessageType.SUBSCRIBE, topic, "1")))
        socket.getOutputStream().write(frames.bytes, 0, frames.size)
    }

    /** Until so much time has passed, or the server ends the connection. */
    private fun readFor(input: InputStream, millis: Long) {
        val end = System.nanoTime() + millis * 1_000_000
        val buffer = ByteArray(BUFFER)
        while (System.nanoTime() < end) {
            try {
                if (input.read(buffer) < 0) return
            } catch (_: SocketTimeoutException) {
                // nothing came for a moment
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

/** Topics that clients join and leave. */
internal const val ROOMS = 20
