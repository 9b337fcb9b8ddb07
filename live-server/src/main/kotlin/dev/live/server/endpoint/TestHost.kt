package dev.live.server.endpoint

import dev.live.server.transport.engineCall
import io.ktor.server.application.ApplicationCall

/**
 * Whether this call comes from Ktor's test host, which hands frames over in memory: they are not masked, and the key of
 * its handshake is four bytes. Real engines hold their clients to RFC 6455 in both. The host is known by its name only,
 * because a server must not depend on a test library.
 */
internal fun ApplicationCall.isFromTestHost(): Boolean =
    engineCall().javaClass.name.startsWith("io.ktor.server.testing.")
