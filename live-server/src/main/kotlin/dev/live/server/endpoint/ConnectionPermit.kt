package dev.live.server.endpoint

import dev.live.server.limits.networkOf
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.plugins.origin
import io.ktor.server.response.header

/**
 * One request's place among the connections that a server may have, and who is behind it.
 *
 * The checks come in the order that the protocol names: the cheapest first, and nobody is asked in vain.
 */
internal class ConnectionPermit(private val context: EndpointContext) : () -> Unit {
    private var network: String? = null
    private var isTaken = false

    /** Takes a place, which is given back by calling this; or says why there is none. */
    fun refusal(call: ApplicationCall): Identity.Refused? {
        if (context.isDraining()) return call.notNow("The server restarts.")
        val connections = context.sessions.connections
        if (connections.incrementAndGet() > context.limits.maxConnections) {
            connections.decrementAndGet()
            return call.notNow("The server has as many connections as it may have.")
        }
        val address = context.addresses?.let { networkOf(call.request.origin.remoteAddress) }
        if (address != null && !context.addresses.tryAdd(address)) {
            connections.decrementAndGet()
            val reason = "This address has as many connections as it may have."
            return call.notNow(reason, HttpStatusCode.TooManyRequests)
        }
        network = address
        isTaken = true
        return null
    }

    /** Gives the place back, if that has not been done: before a refusal is sent, for who reads it may try again at once. */
    override fun invoke() {
        if (!isTaken) return
        isTaken = false
        context.sessions.connections.decrementAndGet()
        network?.let { context.addresses?.remove(it) }
    }

    /** Who the client is, as far as its request says. */
    suspend fun <Meta : Any> identify(call: ApplicationCall, endpoint: LiveEndpoint<Meta>): Identity<Meta> {
        if (!context.limits.origins.allows(call)) {
            val reason = context.refusedOrigins.refuse(call, RefusedOrigins::allowOrForward)
            return Identity.Refused(HttpStatusCode.Forbidden, reason)
        }
        endpoint.tokenParameter?.let { call.attributes.put(TokenParameter, it) }
        val meta = endpoint.authenticate?.invoke(call)
        return when {
            meta != null -> Identity.Known(meta)
            endpoint.authenticateByMessage != null -> Identity.Awaited
            else -> Identity.Refused(HttpStatusCode.Unauthorized, "Not authenticated.")
        }
    }

    private fun ApplicationCall.notNow(
        reason: String,
        status: HttpStatusCode = HttpStatusCode.ServiceUnavailable,
    ): Identity.Refused {
        response.header(HttpHeaders.RetryAfter, RETRY_AFTER_SECONDS)
        return Identity.Refused(status, reason)
    }
}

/** Who is behind a request. */
internal sealed interface Identity<out Meta> {
    class Known<Meta>(val meta: Meta) : Identity<Meta>

    /** Somebody who is yet to say so, in a message. */
    object Awaited : Identity<Nothing>

    /** Nobody who may come in now: answered with [status] and [reason], a sentence for the client's developer. */
    class Refused(val status: HttpStatusCode, val reason: String) : Identity<Nothing>
}

internal const val SEC_FETCH_SITE: String = "Sec-Fetch-Site"

internal const val RETRY_AFTER_SECONDS: Int = 5
