package dev.live.server.operate

import dev.live.server.http.RejectedOrigins
import dev.live.server.http.SEC_FETCH_SITE
import dev.live.server.http.allows
import dev.live.server.limits.OriginPolicy
import io.ktor.http.ContentType
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.contentType
import io.ktor.server.request.header

/**
 * The reason for rejecting a request that may come from a page of another site (CSRF); null for an acceptable request.
 *
 * A browser sends the operator's cookies or password with every request that a page makes, so credentials alone do not
 * prove that the operator made the request. A form of another site cannot send JSON. A script of another site can send
 * JSON only if the server allows it (CORS). If the application's CORS settings are too permissive, the browser still
 * sends the origin of the page.
 */
internal fun ApplicationCall.crossSiteReason(rejected: RejectedOrigins): String? =
    when {
        !request.contentType().match(ContentType.Application.Json) -> "Content-Type must be application/json"
        // Some browsers do not send Sec-Fetch-Site, but all send Origin with a POST.
        request.header(SEC_FETCH_SITE) !in SAME_ORIGIN || !SAME_HOST.allows(this) ->
            "only pages of this server may send this request. ${rejected.reject(this) { RejectedOrigins.FORWARD }}"
        else -> null
    }

/** Null for clients that are not browsers. Excludes `same-site`, which includes all hosts of the same domain. */
private val SAME_ORIGIN = setOf(null, "same-origin")

private val SAME_HOST = OriginPolicy(sameHost = true, listed = emptySet(), any = false)
