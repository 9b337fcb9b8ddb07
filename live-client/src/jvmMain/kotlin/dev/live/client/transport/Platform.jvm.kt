package dev.live.client.transport

import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.plugins.HttpTimeout
import io.ktor.client.plugins.HttpTimeoutConfig
import io.ktor.http.Headers
import io.ktor.http.HttpHeaders
import io.ktor.http.Url
import io.ktor.http.headers
import kotlinx.coroutines.Dispatchers
import java.security.cert.CertPathBuilderException
import java.security.cert.CertPathValidatorException
import java.security.cert.CertificateException
import javax.net.ssl.SSLPeerUnverifiedException
import kotlin.coroutines.CoroutineContext

internal actual fun defaultHttpClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient =
    sharedEngines.newClient {
        configure()
        // CIO puts its timeout around the connect, and loses a socket that is made in the moment of a cancellation: it
        // stays open. The transport has a timeout of its own, which includes the connect.
        install(HttpTimeout) { connectTimeoutMillis = HttpTimeoutConfig.INFINITE_TIMEOUT_MS }
    }

/**
 * Ktor's upgrade blocks its thread for a nonce while there is none left, and they are made on `Dispatchers.Default`
 * (KTOR-9722): with all of its threads blocked so, it would stand still for good, and the application with it.
 */
internal actual val upgradeContext: CoroutineContext get() = upgrades

internal actual val canLimitReading: Boolean get() = true

internal actual fun upgradeHeaders(request: ConnectRequest): Headers =
    headers {
        request.headers.forEach { (name, value) -> append(name, value) }
        // one value each: CIO and OkHttp join them into one line, and java.net.http takes no other form
        request.subprotocols.forEach { append(HttpHeaders.SecWebSocketProtocol, it) }
    }

internal actual fun sayable(code: CloseCode): CloseCode = code

internal actual fun failureIn(e: Throwable): Exception? = refusalOfJdk(e) ?: e as? Exception

internal actual fun isOfCertificate(failure: Exception): Boolean =
    generateSequence<Throwable>(failure) { it.cause }
        .take(MAX_CAUSES)
        .any {
            it is CertificateException || it is CertPathBuilderException || it is CertPathValidatorException ||
                it is SSLPeerUnverifiedException
        }

internal actual val defaultCodecs: List<Codec> = listOf(CborCodec, JsonCodec)

/**
 * The refusal that [e] tells of if it is from `java.net.http`, or null. By reflection, as Android has no such package; Ktor's
 * Java engine passes the exception on for every status but 401.
 */
private fun refusalOfJdk(e: Throwable): UpgradeRefusedException? {
    if (e.javaClass.name != "java.net.http.WebSocketHandshakeException") return null
    return try {
        val response = e.javaClass.getMethod("getResponse").invoke(e)
        val type = Class.forName("java.net.http.HttpResponse")
        val status = type.getMethod("statusCode").invoke(response) as Int
        val headers = type.getMethod("headers").invoke(response)
        val values = headers.javaClass.getMethod("map").invoke(headers) as Map<*, *> // whose keys have no case
        val header = { name: String -> (values[name] as? List<*>)?.firstOrNull()?.toString() }
        val target = header(HttpHeaders.Location)?.takeIf { status in REDIRECTS }
        val body = type.getMethod("body").invoke(response)?.toString().orEmpty().take(MAX_REASON_CHARS)
        UpgradeRefusedException(
            status,
            if (target != null) {
                REDIRECTED_TO + redirectTarget(target, Url(type.getMethod("uri").invoke(response).toString()))
            } else {
                shortTextOf(body, isPage = "html" in header(HttpHeaders.ContentType).orEmpty(), status)
            },
            header(HttpHeaders.RetryAfter)?.let { parseRetryAfter(it) },
        )
    } catch (_: ReflectiveOperationException) {
        null
    }
}

/** Of all clients of this process that brought none: an eighth of the threads of `Dispatchers.IO` at the most. */
private val sharedEngines = SharedEngines(limit = 8)

/** Threads beside those of `Dispatchers.IO` that the engines need. */
private val upgrades = Dispatchers.IO.limitedParallelism(4, "live-upgrade")

private val REDIRECTS = 300..399
private const val MAX_REASON_CHARS = 2048
private const val MAX_CAUSES = 16 // a chain may be a circle
