package dev.live.server.transport

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import java.io.IOException

/**
 * Runs [block], which uses an engine's byte channels, and reports their failure as an [IOException].
 *
 * Ktor's Netty engine closes the channels of a reset connection with a [CancellationException]. Taken for a
 * cancellation of the session, it would end the reader's coroutine silently and leak the session.
 */
internal suspend inline fun <T> channelIo(block: () -> T): T =
    try {
        block()
    } catch (e: CancellationException) {
        currentCoroutineContext().ensureActive()
        throw IOException("connection closed", e)
    }
