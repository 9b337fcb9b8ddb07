package dev.live.server.endpoint

import dev.live.protocol.ErrorCode
import dev.live.server.frame.wellFormed
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.httpVersion
import io.ktor.server.response.header
import io.ktor.server.response.respondText
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import kotlin.time.Duration

/** Answers with [json], whatever plugins for content the application has. */
internal suspend fun ApplicationCall.respondJson(json: JsonElement, status: HttpStatusCode = HttpStatusCode.OK) {
    response.header(HttpHeaders.CacheControl, "no-store")
    respondText(json.toString().wellFormed(), ContentType.Application.Json, status)
}

/**
 * Answers with [status] and `{"error":{"code","message"}}`.
 *
 * @param message one short sentence for a developer; no payloads, no secrets
 * @param retryAfter where waiting helps; in whole seconds, at least one
 */
internal suspend fun ApplicationCall.respondError(
    status: HttpStatusCode,
    code: String,
    message: String,
    retryAfter: Duration? = null,
) {
    retryAfter?.let { response.header(HttpHeaders.RetryAfter, (it.inWholeSeconds).coerceAtLeast(1).toString()) }
    if (status == HttpStatusCode.Unauthorized) challenge()
    respondJson(errorJson(code, message), status)
}

/** Names a way to authenticate, as each 401 must (RFC 9110, section 15.5.2), unless the application has named one. */
internal fun ApplicationCall.challenge() {
    if (response.headers[HttpHeaders.WWWAuthenticate] == null) response.header(HttpHeaders.WWWAuthenticate, "Bearer")
}

/**
 * Says what to upgrade to, as each 426 must (RFC 9110, section 15.5.22). `Upgrade` goes with a `Connection` that names
 * it, and neither may stand in a response over HTTP/2 and later (RFC 9113, section 8.2.2).
 */
internal fun ApplicationCall.namesUpgrade() {
    response.header(HttpHeaders.SecWebSocketVersion, WEBSOCKET_VERSION)
    if (!request.httpVersion.startsWith("HTTP/1.")) return
    // Ktor counts this header as unsafe because a body would be misread behind it
    response.headers.append(HttpHeaders.Upgrade, "websocket", safeOnly = false)
    // Ktor adds what the request's Connection asks for only where the response has none
    val isLast = request.headers[HttpHeaders.Connection].equals("close", ignoreCase = true)
    response.header(HttpHeaders.Connection, if (isLast) "Upgrade, close" else "Upgrade")
}

/** `{"error":{"code","message"}}` */
internal fun errorJson(code: String, message: String): JsonObject =
    buildJsonObject {
        putJsonObject("error") {
            put("code", code)
            put("message", message)
        }
    }

/** The status that says in HTTP what [this] says in the protocol. */
internal fun ErrorCode.httpStatus(): HttpStatusCode =
    when (this) {
        ErrorCode.BadMessage, ErrorCode.BadPayload -> HttpStatusCode.BadRequest
        ErrorCode.UnknownTopic, ErrorCode.UnknownType -> HttpStatusCode.NotFound
        ErrorCode.TooLarge -> HttpStatusCode.PayloadTooLarge
        ErrorCode.RateLimited -> HttpStatusCode.TooManyRequests
        ErrorCode.Internal -> HttpStatusCode.InternalServerError
        ErrorCode.Timeout -> HttpStatusCode.ServiceUnavailable
        else -> HttpStatusCode.Forbidden // also what applications make up: somebody decided against it
    }

/** What [this] is called in the body of an HTTP error. */
internal fun HttpStatusCode.errorCode(): String =
    when (this) {
        HttpStatusCode.Unauthorized -> "unauthorized"
        HttpStatusCode.Forbidden -> ErrorCode.Forbidden.wire
        HttpStatusCode.TooManyRequests -> ErrorCode.RateLimited.wire
        else -> "unavailable"
    }
