package dev.live.server.transport

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import java.io.IOException

/**
 * Runs [block], which uses an engine's byte channels, so that their end is an [IOException].
 *
 * Ktor's Netty engine ends the channels of a connection that was reset with a [CancellationException]. Taken for a
 * cancellation of ours, it would end the coroutine that reads without a word, and leave its session behind.
 */
internal suspend inline fun <T> channelIo(block: () -> T): T =
    try {
        block()
    } catch (e: CancellationException) {
        currentCoroutineContext().ensureActive()
        throw IOException("the connection is gone", e)
    }
