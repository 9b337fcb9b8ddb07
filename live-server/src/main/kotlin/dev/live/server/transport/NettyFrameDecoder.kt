package dev.live.server.transport

import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled

/** Decodes frames from Netty buffers. */
internal class NettyFrameDecoder(limits: FrameLimits) : FrameDecoder(limits, isMasked = true) {
    private var source: ByteBuf = Unpooled.EMPTY_BUFFER

    override val available: Int get() = source.readableBytes()

    override fun readByte(): Byte = source.readByte()

    override fun readBytes(target: ByteArray, offset: Int, count: Int) {
        source.readBytes(target, offset, count)
    }

    override fun skip(count: Int) {
        source.skipBytes(count)
    }

    /**
     * Returns the next message or control frame in [bytes], or null if none is complete. Later bytes stay in [bytes].
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit; then on every later call too
     */
    fun decode(bytes: ByteBuf): Inbound? {
        source = bytes
        try {
            return decode()
        } finally {
            source = Unpooled.EMPTY_BUFFER
        }
    }
}
