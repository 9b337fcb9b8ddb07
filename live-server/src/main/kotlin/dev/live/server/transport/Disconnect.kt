package dev.live.server.transport

import io.ktor.server.application.ApplicationCall
import io.ktor.server.http.HttpRequestCloseHandlerKey
import io.ktor.server.netty.NettyApplicationCall
import io.ktor.utils.io.InternalAPI
import kotlinx.coroutines.Job

/**
 * Detects that the client of a call has disconnected, as far as the engine reports it.
 *
 * Netty and CIO report a client that disconnects while its request is handled; other engines notice it when they write.
 * CIO does not check while it handles an upgrade request.
 */
internal class Disconnect(private val call: ApplicationCall) {
    private val reported = Job()

    /** True once the client has disconnected. */
    val isDetected: Boolean get() = reported.isCompleted || call.hasClosedChannel()

    /**
     * Runs [block] once when the engine reports the disconnect; at once if it already has. Runs on any thread; must not
     * block.
     */
    fun onDetected(block: () -> Unit) {
        reported.invokeOnCompletion { block() }
    }

    fun report() {
        reported.complete()
    }
}

/**
 * Watches the connection of this call from now on.
 *
 * Ktor's plugin for this, `HttpRequestLifecycle`, cancels the call, which every surrounding plugin treats as a failure.
 * This function only receives the engine's report, and takes the slot of that plugin.
 */
@OptIn(InternalAPI::class)
internal fun ApplicationCall.watchDisconnect(): Disconnect {
    val disconnect = Disconnect(this)
    try {
        attributes.put(HttpRequestCloseHandlerKey, disconnect::report)
    } catch (_: LinkageError) {
        // this Ktor version has no such key: only a failed write then reveals the disconnect
    }
    return disconnect
}

private fun ApplicationCall.hasClosedChannel(): Boolean {
    if (!FastPath.isNettyAvailable) return false
    val engineCall = engineCall()
    return engineCall is NettyApplicationCall && !engineCall.context.channel().isActive
}
