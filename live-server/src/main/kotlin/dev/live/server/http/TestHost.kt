package dev.live.server.http

import dev.live.server.transport.engineCall
import io.ktor.server.application.ApplicationCall

/**
 * Whether this call comes from Ktor's test host, which passes frames in memory: frames are not masked, and the
 * handshake key has four bytes. Connections of real engines must follow RFC 6455 in both. The test host is detected by
 * its class name, because the server must not depend on a test library.
 */
internal fun ApplicationCall.isFromTestHost(): Boolean =
    engineCall().javaClass.name.startsWith("io.ktor.server.testing.")
