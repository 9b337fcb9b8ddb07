package dev.live.server.transport

import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled

/** Decodes frames from Netty buffers. */
internal class NettyFrameDecoder(limits: FrameLimits) : FrameDecoder(limits, isMasked = true) {
    /** The received bytes. Bytes after a decoded message stay here. */
    var source: ByteBuf = Unpooled.EMPTY_BUFFER

    override val available: Int get() = source.readableBytes()

    override fun readByte(): Byte = source.readByte()

    override fun readBytes(target: ByteArray, offset: Int, count: Int) {
        source.readBytes(target, offset, count)
    }

    override fun skip(count: Int) {
        source.skipBytes(count)
    }
}
