package dev.live.server.transport

import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.channel.ChannelFuture
import io.netty.channel.ChannelHandlerContext
import kotlinx.coroutines.suspendCancellableCoroutine
import java.io.IOException
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException

/** Why a write or a close failed: the connection has ended. */
internal fun ChannelFuture.gone(): IOException = IOException("the connection is gone", cause())

/**
 * Waits for what Netty does.
 *
 * @throws IOException if it failed
 */
internal suspend fun ChannelFuture.awaited(): Unit =
    suspendCancellableCoroutine { continuation ->
        addListener {
            if (isSuccess) continuation.resume(Unit) else continuation.resumeWithException(gone())
        }
    }

/**
 * Writes [bytes]; null if the socket took all of it at once, which spares most writes a promise. That is seen only
 * where the channel [isBare]: no other handler of what is written stands before it.
 */
internal fun ChannelHandlerContext.written(bytes: ByteBuf, isBare: Boolean): ChannelFuture? {
    if (!isBare) return writeAndFlush(bytes)
    writeAndFlush(bytes, voidPromise())
    val waiting = channel().unsafe().outboundBuffer()
    if (waiting != null && waiting.isEmpty) return null
    return writeAndFlush(Unpooled.EMPTY_BUFFER) // behind what waits, and fails with it
}
