package dev.live.redis

import io.lettuce.core.resource.NettyCustomizer
import io.netty.buffer.ByteBuf
import io.netty.channel.Channel
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.TimeoutException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds

/**
 * Remembers when bytes last arrived on the connections of a link. On a slow link, the answer to a probe waits behind
 * the messages and replies before it: these bytes show that Redis is alive.
 */
internal class Traffic : NettyCustomizer {
    /** Written by the event loop. */
    @Volatile
    private var lastReceived = System.nanoTime()

    override fun afterChannelInitialized(channel: Channel) {
        channel.pipeline().addFirst(
            object : ChannelInboundHandlerAdapter() {
                override fun channelRead(context: ChannelHandlerContext, message: Any) {
                    if (message is ByteBuf) lastReceived = System.nanoTime()
                    context.fireChannelRead(message)
                }
            },
        )
    }

    /**
     * Runs [probe], which waits for an answer of Redis.
     *
     * @throws TimeoutException if it has not ended, and no byte has arrived for [timeout]
     */
    suspend fun <T> await(timeout: Duration, probe: suspend () -> T): T = coroutineScope {
        val start = System.nanoTime()
        val answer = async { probe() }
        while (true) {
            val now = System.nanoTime()
            val silence = minOf(now - start, now - lastReceived).nanoseconds
            // the exception cancels the probe
            if (silence >= timeout) throw TimeoutException("Redis has sent nothing for $timeout")
            if (withTimeoutOrNull(timeout - silence) { answer.join() } != null) return@coroutineScope answer.await()
        }
        error("unreachable: the loop returns")
    }
}
