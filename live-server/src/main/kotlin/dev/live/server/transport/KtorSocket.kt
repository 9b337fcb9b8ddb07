package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import io.ktor.utils.io.cancel
import io.ktor.utils.io.discard
import io.ktor.utils.io.writeFully
import java.io.IOException
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

/**
 * A socket on the byte channels that every Ktor engine provides for an upgraded connection.
 *
 * It does not use Ktor's `WebSocketSession`, whose frame queues add a second, unlimited buffer and a coroutine in each
 * direction. Here there is only the engine's pipe between the session's queue and the engine. Ktor limits the pipe to 1
 * MiB, and the engine's own buffer to as much again.
 *
 * @param isMasked whether the client masks its frames, as every network client must
 * @param closeOutput closes the server's side of the connection after all output, on engines that do not do this when
 *   the output is closed
 */
internal class KtorSocket(
    private val input: ByteReadChannel,
    private val output: ByteWriteChannel,
    limits: FrameLimits,
    isMasked: Boolean = true,
    override val readerContext: CoroutineContext = EmptyCoroutineContext,
    private val closeOutput: (suspend (ByteWriteChannel) -> Unit)? = null,
) : Socket {
    override val transport: String get() = "portable"

    private val frames = FrameReader(input, limits, isMasked)

    override suspend fun receive(): Inbound? = frames.next()

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int): Unit =
        channelIo {
            for (i in 0 until count) {
                val frame = frames[i]!!
                frames[i] = null // lets the bytes be collected while the socket is slow
                write(frame)
            }
            output.flush()
            if (output.isClosedForWrite) throw IOException("connection closed")
        }

    override suspend fun close(code: Int, reason: String, closeReceived: Boolean): Unit =
        channelIo { closeHandshake(code, reason, closeReceived) }

    private suspend fun closeHandshake(code: Int, reason: String, closeReceived: Boolean) {
        write(OutboundFrame(Opcode.Close, closePayload(code, reason)))
        output.flush()
        if (!closeReceived) awaitCloseFrame()
        // the server closes its side of the connection after the last byte, and the client then closes the other side
        output.flushAndClose()
        closeOutput?.invoke(output)
        input.discard()
    }

    private suspend fun awaitCloseFrame() {
        try {
            while (true) {
                val inbound = frames.next()
                if (inbound == null || inbound is Inbound.Close) return
            }
        } catch (_: SocketViolation) {
            // the connection is closed in any case
        }
    }

    override fun abort() {
        val cause = IOException("the session has ended")
        input.cancel(cause)
        output.cancel(cause)
    }

    /** The pipe accepts a whole frame before it suspends, so a cancelled write never truncates one. */
    private suspend fun write(frame: OutboundFrame) = output.writeFully(frame.wire)
}
