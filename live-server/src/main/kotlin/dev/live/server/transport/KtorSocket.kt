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
 * A socket over the byte channels that every Ktor engine hands to an upgraded connection.
 *
 * Ktor's own `WebSocketSession` is not used: its frame queues add a second, unlimited buffer on each side and two
 * coroutines. Here nothing stands between the session's queue and the engine's pipe, which Ktor bounds at 1 MiB on the
 * way to the socket and as much again in the hands of the engine.
 *
 * @param isMasked whether the client masks its frames, as every client on a network must
 * @param endOutput ends the server's side of the connection behind all of the output, where the engine does not do so
 *   when the output is closed
 */
internal class KtorSocket(
    private val input: ByteReadChannel,
    private val output: ByteWriteChannel,
    limits: FrameLimits,
    isMasked: Boolean = true,
    override val readerContext: CoroutineContext = EmptyCoroutineContext,
    private val endOutput: (suspend (ByteWriteChannel) -> Unit)? = null,
) : Socket {
    override val transport: String get() = "portable"

    private val frames = FrameReader(input, limits, isMasked)

    override suspend fun receive(): Inbound? = frames.next()

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int): Unit =
        channelIo {
            for (i in 0 until count) {
                val frame = frames[i]!!
                frames[i] = null // lets the bytes go while the socket is slow
                write(frame)
            }
            output.flush()
            if (output.isClosedForWrite) throw IOException("the connection is gone")
        }

    override suspend fun close(code: Int, reason: String, answering: Boolean): Unit =
        channelIo { shakeHands(code, reason, answering) }

    private suspend fun shakeHands(code: Int, reason: String, answering: Boolean) {
        write(OutboundFrame(Opcode.Close, closePayload(code, reason)))
        output.flush()
        if (!answering) awaitAnswer()
        // the server ends its side of the connection behind the last byte, and the client then ends the other
        output.flushAndClose()
        endOutput?.invoke(output)
        input.discard()
    }

    private suspend fun awaitAnswer() {
        try {
            while (true) {
                val inbound = frames.next()
                if (inbound == null || inbound is Inbound.Close) return
            }
        } catch (_: SocketViolation) {
            // whatever the client says now, the connection ends
        }
    }

    override fun abort() {
        val cause = IOException("the session has ended")
        input.cancel(cause)
        output.cancel(cause)
    }

    /** The pipe takes the whole frame before it suspends: a write that is cancelled has not cut the frame. */
    private suspend fun write(frame: OutboundFrame) = output.writeFully(frame.wire)
}
