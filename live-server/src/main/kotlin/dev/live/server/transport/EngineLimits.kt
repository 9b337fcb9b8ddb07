package dev.live.server.transport

import io.ktor.server.application.ApplicationCall

/**
 * Rejects an engine that cannot run sessions.
 *
 * @throws IllegalStateException on Tomcat: its engine ends the request's call before the upgrade, blocks a thread to
 *   read, and does not write the last frames of a session
 */
internal fun requireSupported(engine: String) {
    check(!engine.startsWith("io.ktor.server.tomcat.")) {
        "Live does not run on Ktor's Tomcat engine, which cannot close a WebSocket from the server's side. " +
            "Use Netty, CIO or Jetty."
    }
}

/** Describes the transport of sessions on [engine]: one sentence for the log. */
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
 * Whether the engine of this call only checks the first `Connection` header for the upgrade. CIO does: it ignores a
 * second one, and throws if the response is an upgrade anyway.
 */
internal fun ApplicationCall.ignoresLaterConnectionHeaders(): Boolean =
    engineCall().javaClass.name.startsWith("io.ktor.server.cio.")
