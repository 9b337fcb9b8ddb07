package dev.live.server.operate

import dev.live.server.endpoint.RefusedOrigins
import dev.live.server.endpoint.SEC_FETCH_SITE
import dev.live.server.endpoint.allows
import dev.live.server.limits.OriginPolicy
import io.ktor.http.ContentType
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
internal fun ApplicationCall.whyForged(refused: RefusedOrigins): String? =
    when {
        !request.contentType().match(ContentType.Application.Json) -> "Content-Type must be application/json"
        // not every browser says the site, but each says the origin of what is posted
        request.header(SEC_FETCH_SITE) !in OWN_SITES || !SAME_HOST.allows(this) ->
            "only the page of this server may do this. ${refused.refuse(this) { RefusedOrigins.FORWARD }}"
        else -> null
    }

/** Null where it is no browser. Not `same-site`: that is everybody on the same domain. */
private val OWN_SITES = setOf(null, "same-origin")

private val SAME_HOST = OriginPolicy(sameHost = true, listed = emptySet(), any = false)
