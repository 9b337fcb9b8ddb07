package dev.live.server.transport

import io.ktor.server.application.ApplicationCall
import io.ktor.server.http.HttpRequestCloseHandlerKey
import io.ktor.server.netty.NettyApplicationCall
import io.ktor.utils.io.InternalAPI
import kotlinx.coroutines.Job

/**
 * Whether the client of a call is gone, as far as the engine reports it.
 *
 * Netty and CIO report a client that goes while a request is handled; other engines find out when they write. CIO does
 * not look while a request for an upgrade is handled.
 */
internal class Disconnect(private val call: ApplicationCall) {
    private val reported = Job()

    /** True once the client is gone. */
    val isSeen: Boolean get() = reported.isCompleted || call.hasClosedChannel()

    /** Runs [block] once when the engine reports it, at once if it has. From any thread; must not block. */
    fun onSeen(block: () -> Unit) {
        reported.invokeOnCompletion { block() }
    }

    fun report() {
        reported.complete()
    }
}

/**
 * Watches the connection of this call from here on.
 *
 * Ktor's plugin for this, `HttpRequestLifecycle`, cancels the call, and a cancelled call is a failure to every plugin
 * around it. This takes the engine's report alone, and the place of that plugin.
 */
@OptIn(InternalAPI::class)
internal fun ApplicationCall.watchDisconnect(): Disconnect {
    val disconnect = Disconnect(this)
    try {
        attributes.put(HttpRequestCloseHandlerKey, disconnect::report)
    } catch (_: LinkageError) {
        // a release of Ktor without this key: then a write that fails shows that the client is gone
    }
    return disconnect
}

private fun ApplicationCall.hasClosedChannel(): Boolean {
    if (!FastPath.isNettyThere) return false
    val engineCall = engineCall()
    return engineCall is NettyApplicationCall && !engineCall.context.channel().isActive
}
