package dev.live.client.transport

import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.engine.js.Js
import io.ktor.http.Headers
import io.ktor.http.HttpHeaders
import io.ktor.http.headers
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.io.encoding.Base64

/**
 * @throws IllegalStateException on a Node version without `WebSocket`, which Ktor's engine looks up only when a
 * connection ends
 */
internal actual fun defaultHttpClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient {
    check(js("typeof WebSocket !== 'undefined'").unsafeCast<Boolean>()) {
        "WebSocket is not available, as on Node before 22. Install ws from npm, and set " +
            "globalThis.WebSocket = (await import('ws')).WebSocket before the first LiveClient."
    }
    return HttpClient(Js, configure)
}

internal actual val upgradeContext: CoroutineContext = EmptyCoroutineContext

/** Browsers deliver frames of any size and without backpressure. Ktor throws if a limit is set. */
internal actual val canLimitFrames: Boolean get() = false

/**
 * One value per subprotocol, as the browser's WebSocket requires. A browser's WebSocket supports no headers, so a
 * bearer token is sent as a subprotocol; also on Node, so that there is only one tested path.
 */
internal actual fun upgradeHeaders(request: ConnectRequest): Headers =
    headers {
        request.subprotocols.forEach { append(HttpHeaders.SecWebSocketProtocol, it) }
        request.headers.forEach { (name, value) ->
            if (name == HttpHeaders.Authorization && value.startsWith(BEARER)) {
                append(HttpHeaders.SecWebSocketProtocol, BEARER_SUBPROTOCOL + base64Url(value.removePrefix(BEARER)))
            } else {
                append(name, value)
            }
        }
    }

/** A page may send 1000 or an application code; the browser throws for any other code. */
internal actual fun permittedCode(code: CloseCode): CloseCode =
    if (code.wire in APPLICATION_CODES) code else CloseCode.Normal

/** Exceptions of the engine, such as for a missing `ws` on Node, are JavaScript `Error`s and not [Exception]s. */
internal actual fun connectionFailure(e: Throwable): Exception? =
    when (e) {
        is Exception -> e
        is Error -> null
        else -> Exception(e.message, e)
    }

/** Browsers do not report why a connection failed. */
internal actual fun isCertificateError(failure: Exception): Boolean = false

/** JSON only, because browser developer tools show text. */
internal actual val defaultCodecs: List<Codec> = listOf(JsonCodec)

private fun base64Url(token: String): String =
    Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT).encode(token.encodeToByteArray())

private val APPLICATION_CODES = 3000..4999
private const val BEARER = "Bearer "
private const val BEARER_SUBPROTOCOL = "live.bearer."
