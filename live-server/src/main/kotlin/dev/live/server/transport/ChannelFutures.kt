package dev.live.server.transport

import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelFuture
import io.netty.channel.ChannelHandlerContext
import kotlinx.coroutines.suspendCancellableCoroutine
import java.io.IOException
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException

/** The failure of a write or a close, because the connection was closed. */
internal fun ChannelFuture.toIOException(): IOException = IOException("connection closed", cause())

/**
 * Suspends until the Netty operation has completed.
 *
 * @throws IOException if it failed
 */
internal suspend fun ChannelFuture.awaitCompletion(): Unit =
    suspendCancellableCoroutine { continuation ->
        addListener {
            if (isSuccess) continuation.resume(Unit) else continuation.resumeWithException(toIOException())
        }
    }

/**
 * Writes [bytes] and flushes. Returns null if the socket accepted all of them at once, which saves most writes a
 * promise. [isDetectable] states whether this can be detected: no other outbound handler follows this one, and the
 * channel writes synchronously.
 */
internal fun ChannelHandlerContext.writeOrPending(bytes: ByteBuf, isDetectable: Boolean): ChannelFuture? {
    if (!isDetectable) return writeAndFlush(bytes)
    writeAndFlush(bytes, voidPromise())
    val outbound = channel().unsafe().outboundBuffer()
    if (outbound != null && outbound.isEmpty) return null
    return writeAndFlush(Unpooled.EMPTY_BUFFER) // completes after the pending bytes, and fails with them
}
