package dev.live.server.http

import dev.live.server.limits.networkOf
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.plugins.origin
import io.ktor.server.response.header

/**
 * One connection counted against the connection limits of the server.
 *
 * The permit is held from the request until the connection has ended, or until the request is rejected.
 */
internal class ConnectionPermit(private val context: EndpointContext) : AutoCloseable {
    private var network: String? = null
    private var isHeld = false

    /**
     * Acquires the permit, which [close] releases. Returns the HTTP response if the server accepts no connection now.
     */
    fun acquire(call: ApplicationCall): HttpRejection? {
        if (context.isDraining()) return call.rejectTemporarily("The server is restarting.")
        val connections = context.sessions.connections
        if (connections.incrementAndGet() > context.limits.maxConnections) {
            connections.decrementAndGet()
            return call.rejectTemporarily("Connection limit reached.")
        }
        val address = context.addresses?.let { networkOf(call.request.origin.remoteAddress) }
        if (address != null && !context.addresses.tryAdd(address)) {
            connections.decrementAndGet()
            val reason = "Connection limit reached for this address."
            return call.rejectTemporarily(reason, HttpStatusCode.TooManyRequests)
        }
        network = address
        isHeld = true
        return null
    }

    /**
     * Releases the permit; further calls have no effect. Call it before a rejection is sent, because the client may
     * retry as soon as it has received the response.
     */
    override fun close() {
        if (!isHeld) return
        isHeld = false
        context.sessions.connections.decrementAndGet()
        network?.let { context.addresses?.remove(it) }
    }

    private fun ApplicationCall.rejectTemporarily(
        reason: String,
        status: HttpStatusCode = HttpStatusCode.ServiceUnavailable,
    ): HttpRejection {
        response.header(HttpHeaders.RetryAfter, RETRY_AFTER_SECONDS)
        return HttpRejection(status, reason)
    }
}

internal const val RETRY_AFTER_SECONDS: Int = 5
