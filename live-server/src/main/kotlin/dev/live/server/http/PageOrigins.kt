package dev.live.server.http

import dev.live.server.limits.OriginPolicy
import io.ktor.http.HttpHeaders
import io.ktor.http.RequestConnectionPoint
import io.ktor.http.URLProtocol
import io.ktor.server.application.ApplicationCall
import io.ktor.server.plugins.MutableOriginConnectionPoint
import io.ktor.server.plugins.origin
import io.ktor.server.request.header
import io.ktor.server.request.httpVersion
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.time.Duration.Companion.minutes

internal const val SEC_FETCH_SITE: String = "Sec-Fetch-Site"

/**
 * Whether the page behind this request may connect. Compares its origin with the host of the request, and with the host
 * forwarded by a proxy if the application has installed Ktor's `ForwardedHeaders` or `XForwardedHeaders`.
 *
 * A page cannot set these headers on a WebSocket or an `EventSource`. On other requests it can set `X-Forwarded-Host`
 * only if the server allows it by CORS.
 */
internal fun OriginPolicy.allows(call: ApplicationCall): Boolean {
    val origin = call.request.header(HttpHeaders.Origin)
    val site = call.request.header(SEC_FETCH_SITE)
    if (allows(origin, call.requestedHost(), site)) return true
    val forwarded = (call.request.origin as? MutableOriginConnectionPoint)?.hostAndPort() ?: return false
    return allows(origin, forwarded, site)
}

/** The host of the request: its `Host` header, or `:authority` over HTTP/2 and later. */
private fun ApplicationCall.requestedHost(): String? =
    request.header(HttpHeaders.Host)
        ?: if (request.httpVersion.startsWith("HTTP/1.")) null else request.local.hostAndPort()

private fun RequestConnectionPoint.hostAndPort(): String? {
    val port =
        try {
            serverPort
        } catch (_: NumberFormatException) {
            return null // Ktor parses the text after the last colon of Host as the port, even in [::1]
        }
    return if (port == URLProtocol.byName[scheme]?.defaultPort) serverHost else "$serverHost:$port"
}

/**
 * Logs rejected origins, so that operators can find the reason. Each origin is logged once in ten minutes, and at most
 * [MAX_ORIGINS] origins in that time, because clients can send any origin.
 */
internal class RejectedOrigins(private val now: () -> Long) {
    private val logged = HashSet<String>()
    private var windowStart = now()

    /** Logs the rejection of [call] together with [advice] for the operator. Returns a message for the client. */
    fun reject(call: ApplicationCall, advice: (origin: String) -> String): String {
        val host = printable(call.requestedHost() ?: "unknown")
        val origin = call.request.header(HttpHeaders.Origin)?.let(::printable)
        if (origin == null) {
            val site = printable(call.request.header(SEC_FETCH_SITE).orEmpty())
            if (shouldLog(site)) log.warn("Rejected a cross-site request to {} (Sec-Fetch-Site: {}).", host, site)
            return "Cross-site requests are not allowed (Sec-Fetch-Site: $site)."
        }
        if (shouldLog(origin)) {
            log.warn("Rejected a request with the origin {} to the host {}. {}", origin, host, advice(origin))
        }
        return "The origin $origin is not allowed for the host $host."
    }

    @Synchronized
    private fun shouldLog(origin: String): Boolean {
        val time = now()
        if (time - windowStart >= WINDOW) {
            logged.clear()
            windowStart = time
        }
        return logged.size < MAX_ORIGINS && logged.add(origin)
    }

    companion object {
        const val MAX_ORIGINS: Int = 16
        private val WINDOW = 10.minutes.inWholeMilliseconds
        private const val MAX_TEXT = 128
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.endpoint")

        /** Advice for endpoints, which can allow origins of other hosts. */
        fun allowOrForward(origin: String): String =
            if (OriginPolicy.normalize(origin) == null) {
                "This origin cannot be allowed, because pages of any site can have it. $FORWARD"
            } else {
                "To allow it, add origins { allow(\"$origin\") }. $FORWARD"
            }

        /** Advice for pages of the server itself. */
        const val FORWARD: String =
            "If the page belongs to this server, a proxy changes the Host header. Configure the proxy to forward the " +
                "original Host, or to send X-Forwarded-Host (or Forwarded) and install Ktor's XForwardedHeaders " +
                "(or ForwardedHeaders)."

        /** Text from a client, truncated and limited to printable ASCII. */
        private fun printable(text: String): String =
            text.take(MAX_TEXT).map { if (it in ' '..'~') it else '?' }.joinToString("")
    }
}
