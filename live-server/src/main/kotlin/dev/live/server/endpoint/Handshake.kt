package dev.live.server.endpoint

import dev.live.server.topic.CodecTable
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpMethod
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.httpMethod
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
    val headers = call.request.headers
    val wantsUpgrade = headers.getAll(HttpHeaders.Connection).orEmpty().any {
        it.contains("upgrade", ignoreCase = true)
    }
    if (call.request.httpMethod != HttpMethod.Get || !headers[HttpHeaders.Upgrade].equals("websocket", true) ||
        !wantsUpgrade
    ) {
        return Handshake.Refused(
            HttpStatusCode.UpgradeRequired,
            "This is a live endpoint: connect to it with a WebSocket.",
        )
    }
    if (headers[HttpHeaders.SecWebSocketVersion] != WEBSOCKET_VERSION) {
        return Handshake.Refused(
            HttpStatusCode.UpgradeRequired,
            "This endpoint speaks version $WEBSOCKET_VERSION of WebSocket.",
        )
    }
    val key = headers[HttpHeaders.SecWebSocketKey]?.trim()
    if (key == null || (!isKey(key) && !call.isFromTestHost())) {
        return Handshake.Refused(HttpStatusCode.BadRequest, "Sec-WebSocket-Key must be 16 bytes in base64.")
    }
    return negotiate(call.offeredSubprotocols(), codecs, key)
        ?: Handshake.Refused(
            HttpStatusCode.BadRequest,
            "None of the offered subprotocols is spoken here. This server speaks ${codecs.subprotocols.joinToString(
                ", ",
            )}.",
        )
}

/** The subprotocols that [this] offers in order of preference, bearer tokens among them. */
internal fun ApplicationCall.offeredSubprotocols(): List<String> =
    request.headers.getAll(HttpHeaders.SecWebSocketProtocol).orEmpty()
        .flatMap { it.split(',') }
        .map { it.trim() }
        .filter { it.isNotEmpty() }

/** The first offered codec that the server speaks; its own first choice where the client names none; else null. */
private fun negotiate(offered: List<String>, codecs: CodecTable, key: String): Handshake.Accepted? {
    val names = offered.filterNot { it.startsWith(BEARER_SUBPROTOCOL) }
    if (names.isEmpty()) {
        val json = codecs.slotOf("live.v1.json")
        return Handshake.Accepted(if (json >= 0) json else 0, offered = null, key)
    }
    val chosen = names.firstOrNull { codecs.slotOf(it) >= 0 } ?: return null
    return Handshake.Accepted(codecs.slotOf(chosen), chosen, key)
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
