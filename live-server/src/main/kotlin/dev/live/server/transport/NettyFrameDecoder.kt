package dev.live.server.transport

import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled

/** Decodes the frames in buffers of Netty's. */
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
     * The next message or control frame in [bytes], or null if they hold none that is complete. What follows it is left
     * in [bytes].
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit; from then on at every call
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
