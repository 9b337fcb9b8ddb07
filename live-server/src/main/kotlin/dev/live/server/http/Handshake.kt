package dev.live.server.http

import dev.live.server.dialect.DialectTable
import dev.live.server.endpoint.BEARER_SUBPROTOCOL
import dev.live.server.endpoint.offeredSubprotocols
import dev.live.server.transport.ignoresLaterConnectionHeaders
import io.ktor.http.Headers
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpMethod
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.httpMethod
import io.ktor.server.request.httpVersion
import kotlin.io.encoding.Base64

/**
 * The result of checking an upgrade request, before the client is authenticated; an [HttpRejection] if it is invalid.
 */
internal sealed interface Handshake {
    /**
     * A valid request. [subprotocol] is the one to select in the response, or null if the client offered none.
     * [extension] is the one to accept in the response, which is compression, or null.
     */
    class Accepted(
        val slot: Int,
        val subprotocol: String?,
        val key: String,
        val extension: String? = null,
    ) : Handshake
}

/** Checks the upgrade request in [call] (RFC 6455, section 4.2.1), then selects the subprotocol. */
internal fun handshake(call: ApplicationCall, dialects: DialectTable): Handshake {
    requireUpgrade(call)?.let { return it }
    requireValidHttp(call)?.let { return it }
    if (call.values(HttpHeaders.SecWebSocketVersion).singleOrNull() != WEBSOCKET_VERSION) {
        return upgradeRequired("This endpoint supports WebSocket version $WEBSOCKET_VERSION only.")
    }
    val keys = call.values(HttpHeaders.SecWebSocketKey)
    if (keys.size > 1) return badRequest("Sec-WebSocket-Key must be sent once, was sent ${keys.size} times.")
    val key = keys.firstOrNull()?.trim()
    if (key == null || (!isKey(key) && !call.isFromTestHost())) {
        return badRequest("Sec-WebSocket-Key must be 16 bytes in base64.")
    }
    val accepted = negotiate(call.offeredSubprotocols(), dialects, key)
    if (!dialects.canCompress || accepted !is Handshake.Accepted) return accepted
    // several headers are one list (RFC 9110, section 5.3)
    val offers = call.request.headers.getAll(HttpHeaders.SecWebSocketExtensions).orEmpty().joinToString(",")
    return negotiateCompression(accepted, offers, dialects)
}

private fun negotiateCompression(accepted: Handshake.Accepted, offers: String, dialects: DialectTable): Handshake {
    val extensions = parseExtensions(offers) ?: return badRequest("Sec-WebSocket-Extensions is malformed.")
    val response = acceptDeflate(extensions) ?: return accepted
    return Handshake.Accepted(dialects.compressedSlot(accepted.slot), accepted.subprotocol, accepted.key, response)
}

/** Rejects a request that does not request a WebSocket upgrade. */
private fun requireUpgrade(call: ApplicationCall): HttpRejection? {
    val headers = call.request.headers
    val asksForUpgrade = "upgrade" in headers.tokens(HttpHeaders.Connection)
    val asksForWebSocket = "websocket" in headers.tokens(HttpHeaders.Upgrade)
    if (call.request.httpMethod == HttpMethod.Get && asksForUpgrade && asksForWebSocket) return null
    // A client that sends a key has requested an upgrade: a proxy removed the header.
    val isUpgradeLost = headers.contains(HttpHeaders.SecWebSocketKey)
    return upgradeRequired(if (isUpgradeLost) UPGRADE_LOST else NOT_A_WEBSOCKET)
}

/** Rejects an upgrade that is invalid HTTP. Requests of the test host are not checked: they do not use the network. */
private fun requireValidHttp(call: ApplicationCall): HttpRejection? {
    val request = call.request
    val hosts = request.headers.getAll(HttpHeaders.Host).orEmpty()
    val hasBody =
        request.headers.contains(HttpHeaders.TransferEncoding) ||
            (request.headers[HttpHeaders.ContentLength]?.trim() ?: "0") != "0"
    return when {
        call.isFromTestHost() -> null
        request.httpVersion == "HTTP/1.0" -> badRequest(HTTP_1_0)
        hosts.size != 1 -> badRequest("The request must have exactly one Host header, has ${hosts.size}.")
        hasBody -> badRequest("An upgrade request must not have a body.")
        call.ignoresLaterConnectionHeaders() && "upgrade" !in tokensIn(request.headers[HttpHeaders.Connection]) ->
            badRequest("The first Connection header must contain Upgrade on this server.")
        else -> null
    }
}

/** The values of the header [name]; only the first for the test host, which appends values of its own. */
private fun ApplicationCall.values(name: String): List<String> {
    val values = request.headers.getAll(name).orEmpty()
    return if (isFromTestHost()) values.take(1) else values
}

private fun upgradeRequired(reason: String) = HttpRejection(HttpStatusCode.UpgradeRequired, reason)

private fun badRequest(reason: String) = HttpRejection(HttpStatusCode.BadRequest, reason)

/** The list elements (RFC 9110, section 5.6.1) of all headers with this [name], in lower case. */
private fun Headers.tokens(name: String): List<String> = getAll(name).orEmpty().flatMap(::tokensIn)

private fun tokensIn(value: String?): List<String> = value.orEmpty().split(',').map { it.trim().lowercase() }

/**
 * Selects the first offered codec that the server supports; without an offer, JSON or else the server's first codec.
 */
private fun negotiate(offered: List<String>, dialects: DialectTable, key: String): Handshake {
    if (offered.isEmpty()) {
        return Handshake.Accepted(slot = dialects.jsonSlot.coerceAtLeast(0), subprotocol = null, key)
    }
    val names = offered.filterNot { it.startsWith(BEARER_SUBPROTOCOL) }
    val selected = names.firstOrNull { dialects.slotOf(it) >= 0 }
    if (selected != null) return Handshake.Accepted(dialects.slotOf(selected), selected, key)
    val supported = dialects.subprotocols.joinToString(", ")
    // A browser fails if it offered subprotocols and the server selects none, and the token must not be echoed.
    return badRequest(
        if (names.isEmpty()) {
            "The only offered subprotocol is a bearer token. Also offer a codec, such as " +
                "${dialects.subprotocols.first()}. Supported subprotocols: $supported."
        } else {
            "No offered subprotocol is supported. Supported subprotocols: $supported."
        },
    )
}

private fun isKey(key: String): Boolean =
    try {
        Base64.decode(key).size == KEY_BYTES
    } catch (_: IllegalArgumentException) {
        false
    }

internal const val WEBSOCKET_VERSION = "13"
private const val KEY_BYTES = 16

private const val NOT_A_WEBSOCKET = "This is a live endpoint. Connect to it with a WebSocket."

private const val UPGRADE_LOST =
    "The Upgrade header is missing. If there is a proxy, configure it to forward the Upgrade and Connection headers."

private const val HTTP_1_0 =
    "A WebSocket requires HTTP/1.1, but the request used HTTP/1.0. If there is a proxy, configure it to use HTTP/1.1 " +
        "(nginx: proxy_http_version 1.1)."
