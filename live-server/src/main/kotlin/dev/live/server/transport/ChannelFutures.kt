package dev.live.server.transport

import io.netty.channel.ChannelFuture
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
