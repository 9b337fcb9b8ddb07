package dev.live.server.support

import java.io.DataInputStream
import java.io.OutputStream
import java.net.InetSocketAddress
import java.net.Socket
import kotlin.io.encoding.Base64
import kotlin.random.Random

/** A TCP connection after a regular upgrade, on which tests write arbitrary bytes. Blocks its thread. */
internal class RawSocket(private val socket: Socket) : AutoCloseable {
    private val input = DataInputStream(socket.getInputStream().buffered(READ_BUFFER))
    private val output: OutputStream = socket.getOutputStream()

    fun write(bytes: ByteArray) {
        output.write(bytes)
        output.flush()
    }

    /** Writes one frame. A null [mask] writes an unmasked frame, which clients must not send. */
    fun frame(
        opcode: Int,
        payload: ByteArray,
        fin: Boolean = true,
        rsv: Int = 0,
        mask: ByteArray? = Random.nextBytes(4),
    ) {
        val first = (if (fin) 0x80 else 0) or (rsv shl 4) or opcode
        val maskBit = if (mask == null) 0 else 0x80
        val header =
            when {
                payload.size <= 125 -> byteArrayOf(first.toByte(), (maskBit or payload.size).toByte())
                payload.size <= 0xFFFF ->
                    byteArrayOf(
                        first.toByte(),
                        (maskBit or 126).toByte(),
                        (payload.size shr 8).toByte(),
                        payload.size.toByte(),
                    )
                else -> error("longer than any test needs: ${payload.size} bytes")
            }
        val body = if (mask ==
            null
        ) {
            payload
        } else {
            ByteArray(payload.size) { (payload[it].toInt() xor mask[it % 4].toInt()).toByte() }
        }
        write(header + (mask ?: ByteArray(0)) + body)
    }

    fun text(text: String): Unit = frame(0x1, text.toByteArray())

    /** The next frame: opcode and payload. */
    fun readFrame(): Pair<Int, ByteArray> = readWhole().let { (first, payload) -> (first and 0x0F) to payload }

    /** The next frame: first byte and payload. */
    fun readWhole(): Pair<Int, ByteArray> {
        val first = input.readUnsignedByte()
        val length =
            when (val short = input.readUnsignedByte() and 0x7F) {
                126 -> input.readUnsignedShort()
                127 -> input.readLong().toInt()
                else -> short
            }
        return first to ByteArray(length).also(input::readFully)
    }

    /** The code of the next close frame. Skips other frames. */
    fun readCloseCode(): Int {
        while (true) {
            val (opcode, payload) = readFrame()
            if (opcode == 0x8) return (payload[0].toInt() and 0xFF shl 8) or (payload[1].toInt() and 0xFF)
        }
    }

    /** Whether the connection ends instead of another byte. Blocks until either happens. */
    fun isEnded(): Boolean = input.read() < 0

    /** Closes the client's side of the connection. */
    fun endOutput() = socket.shutdownOutput()

    override fun close() = socket.close()

    /** Resets the connection, as a crash or a lost network does. */
    fun reset() {
        socket.setSoLinger(true, 0)
        socket.close()
    }

    companion object {
        private const val READ_BUFFER = 32 * 1024

        fun upgrade(
            port: Int,
            path: String = "/live",
            vararg headers: String,
            receiveBuffer: Int? = null,
        ): RawSocket {
            val socket = Socket()
            receiveBuffer?.let { socket.receiveBufferSize = it }
            socket.soTimeout = HANG_TIMEOUT.inWholeMilliseconds.toInt()
            socket.connect(InetSocketAddress("127.0.0.1", port))
            val raw = RawSocket(socket)
            val lines = listOf(
                "GET $path HTTP/1.1",
                "Host: 127.0.0.1:$port",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: ${Base64.encode(Random.nextBytes(16))}",
            ) + headers
            raw.write((lines.joinToString("\r\n") + "\r\n\r\n").toByteArray())
            val status = raw.readLine()
            check(" 101 " in status) { "no upgrade: $status" }
            generateSequence { raw.readLine() }.first { it.isEmpty() } // skip the headers
            return raw
        }
    }

    private fun readLine(): String =
        buildString {
            while (true) {
                val c = input.readUnsignedByte().toChar()
                if (c == '\n') return@buildString
                if (c != '\r') append(c)
            }
        }
}
