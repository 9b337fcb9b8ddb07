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

/** @throws IllegalStateException on a Node without the class, which Ktor's engine looks for when a connection ends */
internal actual fun defaultHttpClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient {
    check(js("typeof WebSocket !== 'undefined'").unsafeCast<Boolean>()) {
        "there is no WebSocket, as on Node before 22. Install ws from npm, and set " +
            "globalThis.WebSocket = (await import('ws')).WebSocket before the first LiveClient."
    }
    return HttpClient(Js, configure)
}

internal actual val upgradeContext: CoroutineContext = EmptyCoroutineContext

/** A browser hands over what comes, however large and whether anybody takes it or not; Ktor throws if told otherwise. */
internal actual val canLimitReading: Boolean get() = false

/**
 * One value for each subprotocol, for that is how a browser's WebSocket takes them. It takes no headers at all, so a
 * bearer token goes as a subprotocol too; on Node as in a browser, to have one way that is tested.
 */
internal actual fun upgradeHeaders(request: ConnectRequest): Headers =
    headers {
        request.subprotocols.forEach { append(HttpHeaders.SecWebSocketProtocol, it) }
        request.headers.forEach { (name, value) ->
            if (name == HttpHeaders.Authorization && value.startsWith(BEARER)) {
                append(HttpHeaders.SecWebSocketProtocol, BEARER_SUBPROTOCOL + inBase64(value.removePrefix(BEARER)))
            } else {
                append(name, value)
            }
        }
    }

/** A page may say 1000, or what the protocol has for itself; the browser throws at anything else. */
internal actual fun sayable(code: CloseCode): CloseCode =
    if (code.wire in APPLICATIONS_CODES) code else CloseCode.Normal

/** What the engine throws itself, such as Node where it finds no `ws`, is an `Error` of JavaScript: no [Exception]. */
internal actual fun failureIn(e: Throwable): Exception? =
    when (e) {
        is Exception -> e
        is Error -> null
        else -> Exception(e.message, e)
    }

/** A browser keeps from a page why a connection was not made. */
internal actual fun isOfCertificate(failure: Exception): Boolean = false

/** Text, which the developer tools of a browser show. */
internal actual val defaultCodecs: List<Codec> = listOf(JsonCodec)

private fun inBase64(token: String): String =
    Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT).encode(token.encodeToByteArray())

private val APPLICATIONS_CODES = 3000..4999
private const val BEARER = "Bearer "
private const val BEARER_SUBPROTOCOL = "live.bearer."
