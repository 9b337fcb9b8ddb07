package dev.live.server.endpoint

import io.ktor.server.application.ApplicationCall
import io.ktor.server.routing.RoutingCall
import io.ktor.server.routing.RoutingPipelineCall

/**
 * Whether this call comes from Ktor's test host, which hands frames over in memory: they are not masked, and the key of
 * its handshake is four bytes. Real engines hold their clients to RFC 6455 in both. The host is known by its name only,
 * because a server must not depend on a test library.
 */
internal fun ApplicationCall.isFromTestHost(): Boolean {
    val routed = (this as? RoutingCall)?.pipelineCall ?: this
    val call = (routed as? RoutingPipelineCall)?.engineCall ?: routed
    return call.javaClass.name.startsWith("io.ktor.server.testing.")
}
