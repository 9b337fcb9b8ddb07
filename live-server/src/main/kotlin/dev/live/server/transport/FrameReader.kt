package dev.live.server.transport

import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.readAvailable
import java.io.IOException
import java.nio.ByteBuffer

/** Reads a client's frames from a Ktor byte channel. Only accessed by the session's reader. */
internal class FrameReader(
    private val input: ByteReadChannel,
    limits: FrameLimits,
    isMasked: Boolean = true,
) {
    private val decoder = BufferDecoder(limits, isMasked)

    /** The frame decoded from the last bytes. */
    private var found: Inbound? = null

    /**
     * Returns the next message or control frame, or null when the connection has ended. After a cancellation it can be
     * called again and continues where it stopped.
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit; then on every later call too
     */
    suspend fun next(): Inbound? =
        try {
            channelIo { nextComplete() }
        } catch (_: IOException) {
            null // also in the middle of a frame: the connection was lost
        }

    private suspend fun nextComplete(): Inbound? {
        while (true) {
            decode(EMPTY) // throws an earlier violation again
            if (input.readAvailable(::decode) > 0) {
                found?.let { return it }
            } else if (!input.awaitContent()) {
                return null
            }
        }
    }

    /** Returns the number of [bytes] read. */
    private fun decode(bytes: ByteBuffer): Int {
        val start = bytes.position()
        found = decoder.decode(bytes)
        return bytes.position() - start
    }

    private companion object {
        val EMPTY: ByteBuffer = ByteBuffer.allocate(0)
    }
}

/** Decodes frames from byte buffers. */
internal class BufferDecoder(limits: FrameLimits, isMasked: Boolean) : FrameDecoder(limits, isMasked) {
    private var source: ByteBuffer = EMPTY

    override val available: Int get() = source.remaining()

    override fun readByte(): Byte = source.get()

    override fun readBytes(target: ByteArray, offset: Int, count: Int) {
        source.get(target, offset, count)
    }

    override fun skip(count: Int) {
        source.position(source.position() + count)
    }

    /** Returns the next message or control frame in [bytes]; see [FrameDecoder.decode]. */
    fun decode(bytes: ByteBuffer): Inbound? {
        source = bytes
        try {
            return decode()
        } finally {
            source = EMPTY
        }
    }

    private companion object {
        val EMPTY: ByteBuffer = ByteBuffer.allocate(0)
    }
}
