package dev.live.server.transport

import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.readAvailable
import io.ktor.utils.io.readByte
import io.ktor.websocket.FrameParser
import io.ktor.websocket.FrameType
import io.ktor.websocket.ProtocolViolationException
import java.io.IOException
import java.nio.ByteBuffer

/**
 * Reads a client's frames with Ktor's [FrameParser], and checks what the parser leaves to its caller: that frames are
 * masked (RFC 6455, section 5.1), use no extension bits (5.2) and claim a length that is in bounds.
 *
 * Only accessed by the session's reader.
 */
internal class FrameReader(
    private val input: ByteReadChannel,
    private val maxMessageSize: Int,
    private val isMasked: Boolean = true,
) {
    private val parser = FrameParser()
    private val header = ByteBuffer.allocate(MAX_HEADER_BYTES)

    private val assembler = Assembler(maxMessageSize)

    /** What the client did wrong; where its next frame begins is not known after it. */
    private var violation: SocketViolation? = null

    /** The body of the frame that is being read, and how much of it is there. */
    private var body: ByteArray? = null
    private var filled = 0

    /**
     * The next message or control frame, or null when the connection has ended. Cancelled half-way, it can be called
     * again and goes on where it was.
     *
     * @throws SocketViolation if the client broke the WebSocket protocol or sent more than the limit; then at every call
     */
    suspend fun next(): Inbound? {
        violation?.let { throw it }
        return try {
            channelIo { nextWhole() }
        } catch (_: IOException) {
            null // also in the middle of a frame: the connection broke
        } catch (e: ProtocolViolationException) {
            throw SocketViolation(tooLarge = false, e.message).also { violation = it }
        } catch (e: SocketViolation) {
            throw e.also { violation = it }
        }
    }

    private suspend fun nextWhole(): Inbound? {
        while (true) {
            val payload = readFrame() ?: return null
            val whole = assemble(payload)
            parser.bodyComplete()
            if (whole != null) return whole
        }
    }

    /** The unmasked body of the next frame, whose header is then in the parser; null if the connection ended first. */
    private suspend fun readFrame(): ByteArray? {
        while (!parser.bodyReady) {
            if (!input.awaitContent()) return null
            header.put(input.readByte())
            header.flip()
            parser.frame(header) // takes a field only when all of it is there
            header.compact()
        }
        val payload = body ?: ByteArray(checkedLength()).also { body = it }
        while (filled < payload.size) {
            val count = input.readAvailable(payload, filled, payload.size - filled)
            if (count < 0) return null
            filled += count
        }
        body = null
        filled = 0
        parser.maskKey?.let { unmask(payload, it) }
        return payload
    }

    /** Called before the body is read, so that a frame that is not allowed costs no memory. */
    private fun checkedLength(): Int {
        val length = parser.length
        if (parser.rsv1 || parser.rsv2 || parser.rsv3) {
            violated("a frame used extension bits, and no extension was negotiated")
        }
        if (isMasked && parser.maskKey == null) violated("frames of a client must be masked")
        if (length < 0) violated("a frame claimed a length of more than 63 bits")
        return if (parser.frameType.controlFrame) length.toInt() else assembler.checked(length)
    }

    private fun assemble(payload: ByteArray): Inbound? =
        when (parser.frameType) {
            // Ktor's parser says of a continuation what the message's first frame was
            FrameType.TEXT, FrameType.BINARY -> assembler.add(payload, parser.fin, parser.frameType == FrameType.TEXT)
            FrameType.PING -> Inbound.Ping(payload)
            FrameType.PONG -> Inbound.Pong
            FrameType.CLOSE -> Inbound.Close(closeCode(payload))
        }

    private fun unmask(payload: ByteArray, mask: Int) {
        for (i in payload.indices) {
            payload[i] = (payload[i].toInt() xor (mask ushr (24 - (i and 3) * 8))).toByte()
        }
    }

    private fun violated(what: String): Nothing = throw SocketViolation(tooLarge = false, what)

    private companion object {
        const val MAX_HEADER_BYTES = 14 // 2, 8 of length, 4 of mask
    }
}
