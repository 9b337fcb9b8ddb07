package dev.live.server.transport

import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.readAvailable
import java.io.IOException
import java.nio.ByteBuffer

/** Reads a client's frames from one of Ktor's byte channels. Only accessed by the session's reader. */
internal class FrameReader(
    private val input: ByteReadChannel,
    limits: FrameLimits,
    isMasked: Boolean = true,
) {
    private val decoder = BufferDecoder(limits, isMasked)

    /** What the decoder found in the last bytes. */
    private var found: Inbound? = null

    /**
     * The next message or control frame, or null when the connection has ended. Cancelled half-way, it can be called
     * again and goes on where it was.
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit; from then on at every call
     */
    suspend fun next(): Inbound? =
        try {
            channelIo { nextWhole() }
        } catch (_: IOException) {
            null // also in the middle of a frame: the connection broke
        }

    private suspend fun nextWhole(): Inbound? {
        while (true) {
            decode(NOTHING) // throws again what it threw before
            if (input.readAvailable(::decode) > 0) {
                found?.let { return it }
            } else if (!input.awaitContent()) {
                return null
            }
        }
    }

    /** How many of [bytes] were read. */
    private fun decode(bytes: ByteBuffer): Int {
        val start = bytes.position()
        found = decoder.decode(bytes)
        return bytes.position() - start
    }

    private companion object {
        val NOTHING: ByteBuffer = ByteBuffer.allocate(0)
    }
}

/** Decodes the frames in byte buffers. */
internal class BufferDecoder(limits: FrameLimits, isMasked: Boolean) : FrameDecoder(limits, isMasked) {
    private var source: ByteBuffer = NOTHING

    override val available: Int get() = source.remaining()

    override fun readByte(): Byte = source.get()

    override fun readBytes(target: ByteArray, offset: Int, count: Int) {
        source.get(target, offset, count)
    }

    override fun skip(count: Int) {
        source.position(source.position() + count)
    }

    /** The next message or control frame in [bytes]; see [FrameDecoder.decode]. */
    fun decode(bytes: ByteBuffer): Inbound? {
        source = bytes
        try {
            return decode()
        } finally {
            source = NOTHING
        }
    }

    private companion object {
        val NOTHING: ByteBuffer = ByteBuffer.allocate(0)
    }
}
