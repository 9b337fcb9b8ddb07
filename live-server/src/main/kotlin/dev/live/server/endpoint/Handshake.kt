package dev.live.server.endpoint

import dev.live.server.topic.CodecTable
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
 * What a request for an upgrade comes to before anybody is asked who the client is.
 */
internal sealed interface Handshake {
    /** The request is in order. [offered] is the subprotocol to answer with, or null where none was asked for. */
    class Accepted(val codecSlot: Int, val offered: String?, val key: String) : Handshake

    /** The request is answered with [status] and [reason], a sentence for the client's developer. */
    class Refused(val status: HttpStatusCode, val reason: String) : Handshake
}

/** Reads the upgrade in [call]: RFC 6455, section 4.2.1, then the subprotocol. */
internal fun handshake(call: ApplicationCall, codecs: CodecTable): Handshake {
    notAnUpgrade(call)?.let { return it }
    malformed(call)?.let { return it }
    if (call.values(HttpHeaders.SecWebSocketVersion).singleOrNull() != WEBSOCKET_VERSION) {
        return upgradeRequired("This endpoint speaks version $WEBSOCKET_VERSION of WebSocket.")
    }
    val keys = call.values(HttpHeaders.SecWebSocketKey)
    if (keys.size > 1) return badRequest("Sec-WebSocket-Key must be sent once, was sent ${keys.size} times.")
    val key = keys.firstOrNull()?.trim()
    if (key == null || (!isKey(key) && !call.isFromTestHost())) {
        return badRequest("Sec-WebSocket-Key must be 16 bytes in base64.")
    }
    return negotiate(call.offeredSubprotocols(), codecs, key)
}

/** Refuses a request that does not ask for a WebSocket. */
private fun notAnUpgrade(call: ApplicationCall): Handshake.Refused? {
    val headers = call.request.headers
    val asksForUpgrade = "upgrade" in headers.tokens(HttpHeaders.Connection)
    val asksForWebSocket = "websocket" in headers.tokens(HttpHeaders.Upgrade)
    if (call.request.httpMethod == HttpMethod.Get && asksForUpgrade && asksForWebSocket) return null
    // a client that sends a key asked for an upgrade: somebody between took the header away
    val wasLost = headers.contains(HttpHeaders.SecWebSocketKey)
    return upgradeRequired(if (wasLost) UPGRADE_LOST else "This is a live endpoint: connect to it with a WebSocket.")
}

/** Refuses an upgrade that breaks a rule of HTTP; the test host's requests do not come over a network. */
private fun malformed(call: ApplicationCall): Handshake.Refused? {
    val request = call.request
    val hosts = request.headers.getAll(HttpHeaders.Host).orEmpty()
    val hasBody =
        request.headers.contains(HttpHeaders.TransferEncoding) ||
            (request.headers[HttpHeaders.ContentLength]?.trim() ?: "0") != "0"
    return when {
        call.isFromTestHost() -> null
        request.httpVersion == "HTTP/1.0" -> badRequest(HTTP_1_0)
        hosts.size != 1 -> badRequest("The request must have one Host header, has ${hosts.size}.")
        hasBody -> badRequest("The request for an upgrade must not have a body.")
        call.ignoresLaterConnectionHeaders() && "upgrade" !in tokensIn(request.headers[HttpHeaders.Connection]) ->
            badRequest("The first Connection header must name Upgrade on this server.")
        else -> null
    }
}

/** The values of the header [name]. The test host adds values of its own behind the client's: of these only the first. */
private fun ApplicationCall.values(name: String): List<String> {
    val values = request.headers.getAll(name).orEmpty()
    return if (isFromTestHost()) values.take(1) else values
}

private fun upgradeRequired(reason: String) = Handshake.Refused(HttpStatusCode.UpgradeRequired, reason)

private fun badRequest(reason: String) = Handshake.Refused(HttpStatusCode.BadRequest, reason)

/** The elements of all headers called [name], in lower case: a list as RFC 9110, section 5.6.1, writes it. */
private fun Headers.tokens(name: String): List<String> = getAll(name).orEmpty().flatMap(::tokensIn)

private fun tokensIn(value: String?): List<String> = value.orEmpty().split(',').map { it.trim().lowercase() }

/** The subprotocols that [this] offers in order of preference, bearer tokens among them. */
internal fun ApplicationCall.offeredSubprotocols(): List<String> =
    request.headers.getAll(HttpHeaders.SecWebSocketProtocol).orEmpty()
        .flatMap { it.split(',') }
        .map { it.trim() }
        .filter { it.isNotEmpty() }

/** Chooses the first offered codec that the server speaks, or its own first choice where the client offers nothing. */
private fun negotiate(offered: List<String>, codecs: CodecTable, key: String): Handshake {
    if (offered.isEmpty()) {
        val json = codecs.slotOf("live.v1.json")
        return Handshake.Accepted(if (json >= 0) json else 0, offered = null, key)
    }
    val names = offered.filterNot { it.startsWith(BEARER_SUBPROTOCOL) }
    val chosen = names.firstOrNull { codecs.slotOf(it) >= 0 }
    if (chosen != null) return Handshake.Accepted(codecs.slotOf(chosen), chosen, key)
    val spoken = codecs.subprotocols.joinToString(", ")
    // clients fail where they offered a subprotocol and none is chosen, and the token is never echoed
    return badRequest(
        if (names.isEmpty()) {
            "Only a bearer token is offered as subprotocol. Offer a codec beside it, such as " +
                "${codecs.subprotocols.first()}; this server speaks $spoken."
        } else {
            "None of the offered subprotocols is spoken here. This server speaks $spoken."
        },
    )
}

private fun isKey(key: String): Boolean =
    try {
        Base64.decode(key).size == KEY_BYTES
    } catch (_: IllegalArgumentException) {
        false
    }

internal const val BEARER_SUBPROTOCOL = "live.bearer."
internal const val WEBSOCKET_VERSION = "13"
private const val KEY_BYTES = 16

private const val UPGRADE_LOST =
    "The request lost its Upgrade header on the way: a proxy in front must pass Upgrade and Connection."

private const val HTTP_1_0 =
    "A WebSocket needs HTTP/1.1, the request came over HTTP/1.0: a proxy in front must use HTTP/1.1 " +
        "(nginx: proxy_http_version 1.1)."
