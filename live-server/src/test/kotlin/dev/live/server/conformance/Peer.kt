package dev.live.server.conformance

import dev.live.server.support.clientFrame
import java.io.DataInputStream
import java.io.EOFException
import java.io.IOException
import java.net.InetSocketAddress
import java.net.Socket
import kotlin.io.encoding.Base64

/** How bytes are cut into writes. */
internal sealed interface Chop {
    object Whole : Chop

    object Frames : Chop

    class Bytes(val count: Int) : Chop
}

/** The client's side of one connection in a conformance case: raw bytes on a TCP socket. Blocks its thread. */
internal class Peer(private val socket: Socket, private val isBinary: Boolean) : AutoCloseable {
    private val input = DataInputStream(socket.getInputStream().buffered(BUFFER))
    private val output = socket.getOutputStream()

    /** Writes [frames], cut up as [chop] says. */
    fun send(vararg frames: ByteArray, chop: Chop = Chop.Whole) {
        when (chop) {
            Chop.Whole -> output.write(frames.fold(ByteArray(0), ByteArray::plus))
            Chop.Frames -> frames.forEach { output.write(it) }
            is Chop.Bytes ->
                for (frame in frames) {
                    for (i in frame.indices step chop.count) output.write(frame, i, minOf(chop.count, frame.size - i))
                }
        }
    }

    fun frame(
        opcode: Int,
        payload: String = "",
        fin: Boolean = true,
        rsv: Int = 0,
    ): ByteArray = clientFrame(opcode, payload.toByteArray(), fin, rsv)

    /** Sends a message and expects it back. */
    fun echoes(payload: ByteArray, chop: Chop = Chop.Whole) {
        send(clientFrame(if (isBinary) BINARY else TEXT, payload), chop = chop)
        hears(payload)
    }

    /** Expects the message [payload], and nothing before it. */
    fun hears(payload: ByteArray) = hears(if (isBinary) BINARY else TEXT, payload)

    fun hears(payload: String) = hears(payload.toByteArray())

    fun hearsPong(payload: ByteArray) = hears(PONG, payload)

    fun hearsPong(payload: String) = hears(PONG, payload.toByteArray())

    private fun hears(opcode: Int, payload: ByteArray) {
        val frame = read()
        if (frame.opcode != opcode) throw AssertionError("expected opcode $opcode, was $frame")
        if (!frame.payload.contentEquals(payload)) throw AssertionError("expected ${payload.size} bytes, was $frame")
    }

    /** Says goodbye, and expects the same code and the end of the connection. */
    fun leaves() {
        send(clientFrame(CLOSE, closing(NORMAL)))
        isClosed(NORMAL)
    }

    /** Expects a close frame with [code] (0: with no code) and then the end of the connection. */
    fun isClosed(vararg code: Int) {
        val frame = read()
        if (frame.opcode != CLOSE) throw AssertionError("expected a close frame, was $frame")
        if (frame.closeCode !in code) throw AssertionError("expected close ${code.toList()}, was $frame")
        isEnded()
    }

    /** Expects a close frame with [code] behind any number of messages. */
    fun isClosedAfterMessages(code: Int) {
        var frame = read()
        while (frame.opcode == TEXT || frame.opcode == BINARY) frame = read()
        if (frame.closeCode != code) throw AssertionError("expected close $code, was $frame")
        isEnded()
    }

    /** Ends the client's side of the connection. */
    fun endsOutput() = socket.shutdownOutput()

    private fun isEnded() {
        val next = input.read()
        if (next >= 0) throw AssertionError("bytes followed the close frame")
    }

    private fun read(): Received =
        try {
            val first = input.readUnsignedByte()
            val second = input.readUnsignedByte()
            check(first and 0xF0 == 0x80) { "a fragment or an extension bit" }
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
        /** 0 if it has none. */
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
        private const val PATIENCE_MILLIS = 120_000

        /** Connects to [port]; [early] are frames in the same write as the request, the last if [isEndedEarly]. */
        fun connect(port: Int, isBinary: Boolean, early: ByteArray, isEndedEarly: Boolean): Peer {
            val socket = Socket()
            socket.tcpNoDelay = true
            socket.soTimeout = PATIENCE_MILLIS
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
            if (isEndedEarly) peer.endsOutput()
            peer.upgraded()
            return peer
        }
    }

    private fun upgraded() {
        val status = line()
        check(status.startsWith("HTTP/1.1 101 ")) { "no upgrade: $status" }
        while (line().isNotEmpty()) continue
    }

    private fun line(): String =
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
