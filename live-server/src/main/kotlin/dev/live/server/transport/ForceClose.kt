package dev.live.server.transport

import io.ktor.server.application.ApplicationCall
import io.ktor.server.netty.NettyApplicationCall

/**
 * Closes the connection of this call during a response, which a client that reads nothing would keep open forever.
 *
 * Only possible on Netty. Other engines keep their buffered part of the response, which Ktor limits to a few MiB, until
 * the connection is lost or the client reads more.
 */
internal fun ApplicationCall.forceCloseConnection() {
    if (!FastPath.isNettyAvailable) return
    val engineCall = engineCall()
    if (engineCall is NettyApplicationCall) engineCall.context.close()
}
