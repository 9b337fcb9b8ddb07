package dev.live.server.transport

import io.ktor.server.application.ApplicationCall
import io.ktor.server.netty.NettyApplicationCall

/**
 * Ends the connection of [this] though a response is under way, which a client that takes nothing would hold for ever.
 *
 * Only on Netty is there a way to; elsewhere the engine keeps what it took of the response, which Ktor bounds at a few
 * MiB, until the connection breaks or the client reads on.
 */
internal fun ApplicationCall.cutConnection() {
    if (!FastPath.isNettyThere) return
    val engineCall = engineCall()
    if (engineCall is NettyApplicationCall) engineCall.context.close()
}
