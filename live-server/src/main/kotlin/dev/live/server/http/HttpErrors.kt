package dev.live.server.http

import dev.live.protocol.ErrorCode
import dev.live.server.frame.wellFormed
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.http.content.OutgoingContent
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.httpVersion
import io.ktor.server.response.header
import io.ktor.server.response.respond
import io.ktor.server.response.respondText
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import kotlin.time.Duration

/** Responds with [json] as text, independent of the application's content negotiation. */
internal suspend fun ApplicationCall.respondJson(json: JsonElement, status: HttpStatusCode = HttpStatusCode.OK) {
    response.header(HttpHeaders.CacheControl, "no-store")
    respondText(json.toString().wellFormed(), ContentType.Application.Json, status)
}

/** Responds to a HEAD request like [respondJson], without the body. Ktor would send the body of a text. */
internal suspend fun ApplicationCall.respondWithoutBody(responseStatus: HttpStatusCode) {
    response.header(HttpHeaders.CacheControl, "no-store")
    respond(
        object : OutgoingContent.NoContent() {
            override val status = responseStatus
            override val contentType = ContentType.Application.Json
        },
    )
}

/**
 * Responds with [status] and `{"error":{"code","message"}}`.
 *
 * @param message one short sentence for a developer; no payloads, no secrets
 * @param retryAfter value of `Retry-After`, rounded down to whole seconds, at least one second; null for no header
 */
internal suspend fun ApplicationCall.respondError(
    status: HttpStatusCode,
    code: String,
    message: String,
    retryAfter: Duration? = null,
) {
    retryAfter?.let { response.header(HttpHeaders.RetryAfter, (it.inWholeSeconds).coerceAtLeast(1).toString()) }
    if (status == HttpStatusCode.Unauthorized) addChallengeHeader()
    respondJson(errorJson(code, message), status)
}

/** Adds `WWW-Authenticate`, which 401 requires (RFC 9110, section 15.5.2), unless the application has set it. */
internal fun ApplicationCall.addChallengeHeader() {
    if (response.headers[HttpHeaders.WWWAuthenticate] == null) response.header(HttpHeaders.WWWAuthenticate, "Bearer")
}

/**
 * Adds `Upgrade`, which 426 requires (RFC 9110, section 15.5.22), and a `Connection` header that lists it. Both headers
 * are forbidden over HTTP/2 and later (RFC 9113, section 8.2.2).
 */
internal fun ApplicationCall.addUpgradeHeaders() {
    response.header(HttpHeaders.SecWebSocketVersion, WEBSOCKET_VERSION)
    if (!request.httpVersion.startsWith("HTTP/1.")) return
    // Ktor treats this header as unsafe, because clients would misread a body that follows it.
    response.headers.append(HttpHeaders.Upgrade, "websocket", safeOnly = false)
    // Ktor copies the options of the request's Connection header only if the response has no such header.
    val closes = request.headers[HttpHeaders.Connection].equals("close", ignoreCase = true)
    response.header(HttpHeaders.Connection, if (closes) "Upgrade, close" else "Upgrade")
}

/** `{"error":{"code","message"}}` */
internal fun errorJson(code: String, message: String): JsonObject =
    buildJsonObject {
        putJsonObject("error") {
            put("code", code)
            put("message", message)
        }
    }

/** The HTTP status for this protocol error. */
internal fun ErrorCode.httpStatus(): HttpStatusCode =
    when (this) {
        ErrorCode.BadMessage, ErrorCode.BadPayload -> HttpStatusCode.BadRequest
        ErrorCode.UnknownTopic, ErrorCode.UnknownType -> HttpStatusCode.NotFound
        ErrorCode.TooLarge -> HttpStatusCode.PayloadTooLarge
        ErrorCode.RateLimited -> HttpStatusCode.TooManyRequests
        ErrorCode.Internal -> HttpStatusCode.InternalServerError
        ErrorCode.Timeout -> HttpStatusCode.ServiceUnavailable
        else -> HttpStatusCode.Forbidden // includes codes defined by the application, which rejected the request
    }

/** The error code in the body of a response with this status. */
internal fun HttpStatusCode.errorCode(): String =
    when (this) {
        HttpStatusCode.Unauthorized -> "unauthorized"
        HttpStatusCode.Forbidden -> ErrorCode.Forbidden.wire
        HttpStatusCode.TooManyRequests -> ErrorCode.RateLimited.wire
        else -> "unavailable"
    }
