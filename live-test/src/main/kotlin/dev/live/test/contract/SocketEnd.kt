package dev.live.test.contract

import dev.live.protocol.CloseCode
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.trySendBlocking
import kotlinx.coroutines.withContext
import java.io.ByteArrayOutputStream
import java.io.DataInputStream
import java.io.IOException
import java.net.Socket
import java.nio.ByteBuffer

/**
 * A [ServerEnd] over an upgraded [socket]. [run] reads the client's frames on its own thread.
 *
 * @param headers headers of the request, with names in lower case
 */
internal class SocketEnd(
    private val socket: Socket,
    private val headers: Map<String, String>,
    isBinary: Boolean,
) : ServerEnd {
    private val dataOpcode = if (isBinary) BINARY else TEXT
    private val input = DataInputStream(socket.getInputStream().buffered())
    private val output = socket.getOutputStream()
    private val messages = Channel<ByteArray>(CAPACITY)
    private val end = CompletableDeferred<CloseCode?>()

    override fun header(name: String): String? = headers[name.lowercase()]

    @Volatile
    private var hasSentClose = false

    override suspend fun receive(): ByteArray? {
        val result = messages.receiveCatching()
        return result.getOrNull() ?: result.exceptionOrNull()?.let { throw it }
    }

    override suspend fun send(bytes: ByteArray): Unit =
        withContext(Dispatchers.IO) { write(dataOpcode, bytes) }

    override suspend fun close(code: CloseCode, reason: String): Unit =
        withContext(Dispatchers.IO) { writeClose(bigEndian(code.wire, 2) + reason.encodeToByteArray()) }

    override suspend fun drop(): Unit = withContext(Dispatchers.IO) { socket.close() }

    override suspend fun awaitEnd(): CloseCode? = end.await()

    /** Receives frames until the connection ends. A violation of the protocol is thrown by [receive]. */
    fun run() {
        var code: CloseCode? = null
        var violation: AssertionError? = null
        try {
            code = readUntilClose()
        } catch (_: IOException) {
            // ended without a close frame
        } catch (e: AssertionError) {
            violation = e
        } finally {
            messages.close(violation)
            end.complete(code)
        }
    }

    private fun readUntilClose(): CloseCode {
        val message = ByteArrayOutputStream()
        while (true) {
            val first = input.readUnsignedByte()
            val payload = readPayload()
            when (val opcode = first and OPCODE) {
                CLOSE -> {
                    if (!hasSentClose) writeClose(payload.copyOf(minOf(payload.size, 2)))
                    return CloseCode.of(if (payload.size < 2) NO_CODE else ByteBuffer.wrap(payload).getChar().code)
                }
                PING -> write(PONG, payload)
                PONG -> Unit
                else -> {
                    if (opcode != CONTINUATION && opcode != dataOpcode) {
                        throw AssertionError("the client sent a frame with opcode $opcode, the codec has $dataOpcode")
                    }
                    message.write(payload)
                    if (first and FIN != 0) {
                        messages.trySendBlocking(message.toByteArray())
                        message.reset()
                    }
                }
            }
        }
    }

    /** Reads the length, the mask and the payload of a frame. */
    private fun readPayload(): ByteArray {
        val second = input.readUnsignedByte()
        val size =
            when (val short = second and 0x7f) {
                126 -> input.readUnsignedShort()
                127 -> input.readLong().toInt()
                else -> short
            }
        if (second and MASKED == 0) throw AssertionError("the client sent an unmasked frame")
        val mask = ByteArray(4).also { input.readFully(it) }
        val payload = ByteArray(size).also { input.readFully(it) }
        for (i in payload.indices) payload[i] = (payload[i].toInt() xor mask[i % 4].toInt()).toByte()
        return payload
    }

    private fun writeClose(payload: ByteArray) {
        hasSentClose = true
        write(CLOSE, payload)
    }

    /** Writes one frame. The lock keeps frames of the reader's thread and of the test apart. */
    private fun write(opcode: Int, payload: ByteArray) {
        val size = payload.size
        val length =
            when {
                size < 126 -> bigEndian(size, 1)
                size < 0x10000 -> bigEndian(126, 1) + bigEndian(size, 2)
                else -> bigEndian(127, 1) + bigEndian(0, 4) + bigEndian(size, 4)
            }
        synchronized(output) {
            output.write(bigEndian(FIN or opcode, 1) + length + payload)
            output.flush()
        }
    }

    private companion object {
        /** Messages that may wait for the test. Beyond it, the server stops reading. */
        const val CAPACITY = 1_000

        const val FIN = 0x80
        const val OPCODE = 0x0f
        const val MASKED = 0x80

        // opcodes
        const val CONTINUATION = 0x0
        const val TEXT = 0x1
        const val BINARY = 0x2
        const val CLOSE = 0x8
        const val PING = 0x9
        const val PONG = 0xa

        /** Stands for a close frame without a code (RFC 6455, section 7.1.5). */
        const val NO_CODE = 1005

        fun bigEndian(value: Int, bytes: Int): ByteArray =
            ByteArray(bytes) { (value shr 8 * (bytes - 1 - it)).toByte() }
    }
}
