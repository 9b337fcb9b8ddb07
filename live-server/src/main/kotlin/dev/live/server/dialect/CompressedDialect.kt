package dev.live.server.dialect

import dev.live.server.frame.FrameCompressor
import dev.live.server.frame.OutboundFrame

/**
 * The dialect [plain] for sessions that have negotiated compression. Their sockets inflate messages before [decode].
 */
internal class CompressedDialect(plain: Dialect, private val compressor: FrameCompressor) : Dialect by plain {
    private val plain = plain

    override fun encode(event: ServerEvent): OutboundFrame = compressor.compress(plain.encode(event))
}
