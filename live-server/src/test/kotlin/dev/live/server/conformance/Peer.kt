package dev.live.server.conformance

import dev.live.server.support.clientFrame
import java.io.DataInputStream
import java.io.EOFException
import java.io.IOException
import java.net.InetSocketAddress
import java.net.Socket
import kotlin.io.encoding.Base64

/** How bytes are split into writes. */
internal sealed interface Chunking {
    object Whole : Chunking

    object Frames : Chunking

    class Bytes(val count: Int) : Chunking
}

/** The client's side of one connection in a conformance case: raw bytes on a TCP socket. Blocks its thread. */
internal class Peer(private val socket: Socket, private val isBinary: Boolean) : AutoCloseable {
    private val input = DataInputStream(socket.getInputStream().buffered(BUFFER))
    private val output = socket.getOutputStream()

    /** Writes [frames], split as [chunking] defines. */
    fun send(vararg frames: ByteArray, chunking: Chunking = Chunking.Whole) {
        when (chunking) {
            Chunking.Whole -> output.write(frames.fold(ByteArray(0), ByteArray::plus))
            Chunking.Frames -> frames.forEach { output.write(it) }
            is Chunking.Bytes ->
                for (frame in frames) {
                    val size = chunking.count
                    for (i in frame.indices step size) output.write(frame, i, minOf(size, frame.size - i))
                }
        }
    }

    fun frame(
        opcode: Int,
        payload: String = "",
        fin: Boolean = true,
        rsv: Int = 0,
    ): ByteArray = clientFrame(opcode, payload.toByteArray(), fin, rsv)

    /** Sends a message and expects its echo. */
    fun expectEcho(payload: ByteArray, chunking: Chunking = Chunking.Whole) {
        send(clientFrame(if (isBinary) BINARY else TEXT, payload), chunking = chunking)
        expectMessage(payload)
    }

    /** Expects the message [payload] as the next frame. */
    fun expectMessage(payload: ByteArray) = expectMessage(if (isBinary) BINARY else TEXT, payload)

    fun expectMessage(payload: String) = expectMessage(payload.toByteArray())

    fun expectPong(payload: ByteArray) = expectMessage(PONG, payload)

    fun expectPong(payload: String) = expectMessage(PONG, payload.toByteArray())

    private fun expectMessage(opcode: Int, payload: ByteArray) {
        val frame = read()
        if (frame.opcode != opcode) throw AssertionError("expected opcode $opcode, was $frame")
        if (!frame.payload.contentEquals(payload)) throw AssertionError("expected ${payload.size} bytes, was $frame")
    }

    /** Closes normally; expects the same code and the end of the connection. */
    fun closeNormally() {
        send(clientFrame(CLOSE, closing(NORMAL)))
        expectClose(NORMAL)
    }

    /** Expects a close frame with [code] (0: no code) and then the end of the connection. */
    fun expectClose(vararg code: Int) {
        val frame = read()
        if (frame.opcode != CLOSE) throw AssertionError("expected a close frame, was $frame")
        if (frame.closeCode !in code) throw AssertionError("expected close ${code.toList()}, was $frame")
        expectEnd()
    }

    /** Expects a close frame with [code] after any number of messages. */
    fun expectCloseAfterMessages(code: Int) {
        var frame = read()
        while (frame.opcode == TEXT || frame.opcode == BINARY) frame = read()
        if (frame.closeCode != code) throw AssertionError("expected close $code, was $frame")
        expectEnd()
    }

    /** Ends the client's side of the connection. */
    fun endOutput() = socket.shutdownOutput()

    private fun expectEnd() {
        val next = input.read()
        if (next >= 0) throw AssertionError("bytes followed the close frame")
    }

    private fun read(): Received =
        try {
            val first = input.readUnsignedByte()
            val second = input.readUnsignedByte()
            check(first and 0xF0 == 0x80) { "unexpected fragment or RSV bit" }
            val length =
                when (second) {
                    126 -> input.readUnsignedShort()
                    127 -> input.readLong().toInt()
                    else -> second
                }
            Received(first and 0x0F, ByteArray(length).also(input::readFully))
        } catch (e: EOFException) {
            throw IOException("the connection ended without a close frame", e)
        }

    override fun close() = socket.close()

    private class Received(val opcode: Int, val payload: ByteArray) {
        /** 0 if the close frame has no code. */
        val closeCode: Int
            get() =
                when {
                    opcode != CLOSE -> -1
                    payload.isEmpty() -> 0
                    else -> (payload[0].toInt() and 0xFF shl 8) or (payload[1].toInt() and 0xFF)
                }

        override fun toString(): String =
            when {
                opcode == CLOSE && payload.size >= 2 -> "close $closeCode (${payload.decodeToString(2)})"
                payload.size > 200 -> "opcode $opcode with ${payload.size} bytes"
                else -> "opcode $opcode with '${payload.decodeToString()}'"
            }
    }

    companion object {
        const val TEXT = 0x1
        const val BINARY = 0x2
        const val CLOSE = 0x8
        const val PING = 0x9
        const val PONG = 0xA
        const val NORMAL = 1000

        private const val BUFFER = 64 * 1024
        private const val READ_TIMEOUT_MILLIS = 120_000

        /** Connects to [port]. Sends [early] in the same write as the request, then end of stream if [isEndedEarly]. */
        fun connect(port: Int, isBinary: Boolean, early: ByteArray, isEndedEarly: Boolean): Peer {
            val socket = Socket()
            socket.tcpNoDelay = true
            socket.soTimeout = READ_TIMEOUT_MILLIS
            socket.connect(InetSocketAddress("127.0.0.1", port))
            val request =
                listOf(
                    "GET /echo HTTP/1.1",
                    "Host: 127.0.0.1:$port",
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: ${Base64.encode(ByteArray(16) { it.toByte() })}",
                    "Sec-WebSocket-Protocol: ${if (isBinary) BinaryEcho.subprotocol else TextEcho.subprotocol}",
                    "",
                    "",
                ).joinToString("\r\n").toByteArray()
            val peer = Peer(socket, isBinary)
            peer.output.write(request + early)
            if (isEndedEarly) peer.endOutput()
            peer.readUpgradeResponse()
            return peer
        }
    }

    private fun readUpgradeResponse() {
        val status = readLine()
        check(status.startsWith("HTTP/1.1 101 ")) { "no upgrade: $status" }
        while (readLine().isNotEmpty()) continue
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

/** The payload of a close frame. */
internal fun closing(code: Int, reason: ByteArray = ByteArray(0)): ByteArray =
    byteArrayOf((code shr 8).toByte(), code.toByte()) + reason
