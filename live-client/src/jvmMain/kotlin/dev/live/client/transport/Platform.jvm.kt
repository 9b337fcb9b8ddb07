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
        // CIO's connect timeout leaks a socket that is opened at the moment of the cancellation. The transport has its
        // own timeout, which includes the connect.
        install(HttpTimeout) { connectTimeoutMillis = HttpTimeoutConfig.INFINITE_TIMEOUT_MS }
    }

/**
 * Ktor's upgrade blocks its thread until a nonce is available, and nonces are generated on `Dispatchers.Default`
 * (KTOR-9722). On that dispatcher, blocked upgrades on all threads would cause a deadlock of the whole application.
 */
internal actual val upgradeContext: CoroutineContext get() = upgrades

internal actual val canLimitFrames: Boolean get() = true

internal actual fun upgradeHeaders(request: ConnectRequest): Headers =
    headers {
        request.headers.forEach { (name, value) -> append(name, value) }
        // one value each: CIO and OkHttp join them into one line, and java.net.http accepts only this form
        request.subprotocols.forEach { append(HttpHeaders.SecWebSocketProtocol, it) }
    }

internal actual fun permittedCode(code: CloseCode): CloseCode = code

internal actual fun connectionFailure(e: Throwable): Exception? = jdkRejection(e) ?: e as? Exception

internal actual fun isCertificateError(failure: Exception): Boolean =
    generateSequence<Throwable>(failure) { it.cause }
        .take(MAX_CAUSES)
        .any {
            it is CertificateException || it is CertPathBuilderException || it is CertPathValidatorException ||
                it is SSLPeerUnverifiedException
        }

internal actual val defaultCodecs: List<Codec> = listOf(CborCodec, JsonCodec)

/**
 * The rejection in an exception [e] of `java.net.http`, or null. Uses reflection, because Android does not have this
 * package. Ktor's Java engine passes the exception on for every status except 401.
 */
private fun jdkRejection(e: Throwable): UpgradeRejectedException? {
    if (e.javaClass.name != "java.net.http.WebSocketHandshakeException") return null
    return try {
        val response = e.javaClass.getMethod("getResponse").invoke(e)
        val type = Class.forName("java.net.http.HttpResponse")
        val status = type.getMethod("statusCode").invoke(response) as Int
        val headers = type.getMethod("headers").invoke(response)
        val values = headers.javaClass.getMethod("map").invoke(headers) as Map<*, *> // with case-insensitive keys
        val header = { name: String -> (values[name] as? List<*>)?.firstOrNull()?.toString() }
        val target = header(HttpHeaders.Location)?.takeIf { status in REDIRECTS }
        val body = type.getMethod("body").invoke(response)?.toString().orEmpty().take(MAX_REASON_CHARS)
        UpgradeRejectedException(
            status,
            if (target != null) {
                REDIRECTED_TO + redirectTarget(target, Url(type.getMethod("uri").invoke(response).toString()))
            } else {
                summaryOf(body, isHtml = "html" in header(HttpHeaders.ContentType).orEmpty(), status)
            },
            header(HttpHeaders.RetryAfter)?.let { parseRetryAfter(it) },
        )
    } catch (_: ReflectiveOperationException) {
        null
    }
}

/**
 * The engines of all clients without their own HTTP client. They use at most an eighth of the threads of
 * `Dispatchers.IO`.
 */
private val sharedEngines = SharedEngines(limit = 8)

/** Threads in addition to those of `Dispatchers.IO`, which the engines need. */
private val upgrades = Dispatchers.IO.limitedParallelism(4, "live-upgrade")

private val REDIRECTS = 300..399
private const val MAX_REASON_CHARS = 2048
private const val MAX_CAUSES = 16 // a chain of causes may be cyclic
