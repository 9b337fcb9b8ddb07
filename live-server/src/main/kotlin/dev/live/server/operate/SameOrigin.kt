package dev.live.server.operate

import dev.live.server.endpoint.SEC_FETCH_SITE
import dev.live.server.limits.OriginPolicy
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.contentType
import io.ktor.server.request.header

/**
 * Why [this] may come from a page of somebody else's, or null if it may not.
 *
 * A browser sends the operator's cookie or password along with whatever a page makes it send, so that alone is no proof
 * of the operator's wish. A form of another site cannot send JSON, and a script of one only after the server has allowed
 * it (CORS); where an application allows more than it should, the browser still says which page it was.
 */
internal fun ApplicationCall.whyForged(): String? =
    when {
        !request.contentType().match(ContentType.Application.Json) -> "Content-Type must be application/json"
        request.header(SEC_FETCH_SITE) !in OWN_SITES -> "only the page of this server may do this"
        // not every browser says the site, but each says the origin of what is posted
        !SAME_HOST.allows(request.header(HttpHeaders.Origin), request.header(HttpHeaders.Host)) ->
            "only the page of this server may do this"
        else -> null
    }

/** Null where it is no browser. Not `same-site`: that is everybody on the same domain. */
private val OWN_SITES = setOf(null, "same-origin")

private val SAME_HOST = OriginPolicy(sameHost = true, listed = emptySet(), any = false)
