package dev.live.server.transport

import io.ktor.server.application.ApplicationCall

/**
 * Refuses an engine on which no session works.
 *
 * @throws IllegalStateException on Tomcat, whose engine ends the request's call before the upgrade, reads by blocking, and
 *   does not write what a session says last
 */
internal fun requireSupported(engine: String) {
    check(!engine.startsWith("io.ktor.server.tomcat.")) {
        "Live does not run on Ktor's Tomcat engine, which cannot close a WebSocket from the server's side. " +
            "Use Netty, CIO or Jetty."
    }
}

/** What sessions on [engine] will be carried by: one sentence for the log. */
internal fun describe(transport: Transport, engine: String): String {
    val isNetty = engine.startsWith("io.ktor.server.netty.")
    val name = engine.substringAfterLast('.')
    return when {
        transport == Transport.Auto && isNetty -> "sessions use Netty's channels directly (transport 'netty')."
        isNetty -> "sessions use the byte channels of $name (transport 'portable', as configured)."
        else -> "sessions use the byte channels of $name (transport 'portable')."
    }
}

/**
 * Whether the engine of this call upgrades only where the first `Connection` header names it. CIO does: it ignores a
 * second one, and throws when a response is an upgrade all the same.
 */
internal fun ApplicationCall.ignoresLaterConnectionHeaders(): Boolean =
    engineCall().javaClass.name.startsWith("io.ktor.server.cio.")
