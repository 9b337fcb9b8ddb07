package dev.live.server.endpoint

import io.ktor.http.HttpHeaders
import io.ktor.http.auth.HttpAuthHeader
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.header
import io.ktor.util.AttributeKey
import kotlin.io.encoding.Base64

/**
 * The bearer token of this request, or null if it carries none.
 *
 * Sources, in this order: the header `Authorization: Bearer ...`; a subprotocol `live.bearer.<base64url token>`,
 * because a page cannot set headers on a WebSocket; the query parameter, if the endpoint sets `tokenParameter`. Never
 * log the token.
 */
public fun ApplicationCall.bearerToken(): String? {
    val header = request.header(HttpHeaders.Authorization)
    if (header != null && header.startsWith(SCHEME, ignoreCase = true)) return header.substring(SCHEME.length).trim()
    offeredSubprotocols().firstOrNull { it.startsWith(BEARER_SUBPROTOCOL) }?.let { offered ->
        return decodeToken(offered.removePrefix(BEARER_SUBPROTOCOL))
    }
    return attributes.getOrNull(TokenParameter)?.let { request.queryParameters[it] }
}

/**
 * The bearer token of this request as a value for the `authHeader` function of Ktor's bearer and JWT providers, so that
 * these providers also accept tokens sent as a subprotocol. Null if the request has no token, or a token with
 * characters that a header cannot contain.
 */
public fun ApplicationCall.bearerAuthHeader(): HttpAuthHeader? {
    val token = bearerToken() ?: return null
    return try {
        HttpAuthHeader.Single("Bearer", token)
    } catch (_: IllegalArgumentException) {
        null // base64 can encode characters that are invalid in a header
    }
}

/** The subprotocols offered in this request, in order of preference, including bearer tokens. */
internal fun ApplicationCall.offeredSubprotocols(): List<String> =
    request.headers.getAll(HttpHeaders.SecWebSocketProtocol).orEmpty()
        .flatMap { it.split(',') }
        .map { it.trim() }
        .filter { it.isNotEmpty() }

/** Name of the query parameter for the token, if the endpoint allows one. */
internal val TokenParameter = AttributeKey<String>("dev.live.tokenParameter")

private fun decodeToken(text: String): String? =
    try {
        TOKEN_BASE64.decode(text).decodeToString(throwOnInvalidSequence = true)
    } catch (_: IllegalArgumentException) {
        null
    } catch (_: CharacterCodingException) {
        null
    }

private val TOKEN_BASE64 = Base64.UrlSafe.withPadding(Base64.PaddingOption.PRESENT_OPTIONAL)
private const val SCHEME = "Bearer "

internal const val BEARER_SUBPROTOCOL = "live.bearer."
