package dev.live.server.endpoint

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

/**
 * Whether the page that makes this request may do so: its origin is compared with the host that the request names, and
 * with the host that a proxy names where the application has installed Ktor's `ForwardedHeaders` or `XForwardedHeaders`.
 *
 * A page can set none of these headers on a WebSocket or an `EventSource`. On other requests it can set
 * `X-Forwarded-Host` only after the server has allowed it by CORS.
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
            return null // Ktor takes what is behind the last colon of a Host for its port, also in [::1]
        }
    return if (port == URLProtocol.byName[scheme]?.defaultPort) serverHost else "$serverHost:$port"
}

/**
 * Logs pages that were refused for their origin, so that an operator finds out why: each origin once in ten minutes,
 * and at most [MAX_ORIGINS] in that time, because clients choose what they send.
 */
internal class RefusedOrigins(private val now: () -> Long) {
    private val logged = HashSet<String>()
    private var since = now()

    /** Logs that the page behind [call] is refused, with [wayOut] as advice. Returns a sentence for the client. */
    fun refuse(call: ApplicationCall, wayOut: (origin: String) -> String): String {
        val host = printable(call.requestedHost() ?: "unknown")
        val origin = call.request.header(HttpHeaders.Origin)?.let(::printable)
        if (origin == null) {
            val site = printable(call.request.header(SEC_FETCH_SITE).orEmpty())
            if (isNews(site)) log.warn("Refused a request to {} that a page of another site makes ({}).", host, site)
            return "Pages of another site may not make this request (Sec-Fetch-Site: $site)."
        }
        if (isNews(origin)) {
            log.warn("Refused a page from {}: the request's host is {}. {}", origin, host, wayOut(origin))
        }
        return "Pages from $origin may not connect to this endpoint: the request's host is $host."
    }

    @Synchronized
    private fun isNews(origin: String): Boolean {
        val time = now()
        if (time - since >= WINDOW) {
            logged.clear()
            since = time
        }
        return logged.size < MAX_ORIGINS && logged.add(origin)
    }

    companion object {
        const val MAX_ORIGINS: Int = 16
        private val WINDOW = 10.minutes.inWholeMilliseconds
        private const val MAX_TEXT = 128
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.endpoint")

        /** Advice for pages of other hosts, which may be allowed. */
        fun allowOrForward(origin: String): String =
            if (OriginPolicy.normalize(origin) == null) {
                "An origin like this cannot be allowed, because pages of any site can have it. $FORWARD"
            } else {
                "To let it in, allow it: origins { allow(\"$origin\") }. $FORWARD"
            }

        /** Advice where no page but the server's own is allowed. */
        const val FORWARD: String =
            "If it is this server's own page, a proxy changes the Host header: have it pass the Host that the " +
                "browser sent, or have it send X-Forwarded-Host (or Forwarded) and install Ktor's XForwardedHeaders " +
                "(or ForwardedHeaders)."

        /** What a client sent, cut and on one line. */
        private fun printable(text: String): String =
            text.take(MAX_TEXT).map { if (it in ' '..'~') it else '?' }.joinToString("")
    }
}
