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
        append(HttpHeaders.SecWebSocketProtocol, request.subprotocols.joinToString(", "))
    }

internal actual fun sayable(code: CloseCode): CloseCode = code

internal actual fun failureIn(e: Throwable): Exception? = e as? Exception

internal actual fun isOfCertificate(failure: Exception): Boolean =
    generateSequence<Throwable>(failure) { it.cause }
        .take(MAX_CAUSES)
        .any {
            it is CertificateException || it is CertPathBuilderException || it is CertPathValidatorException ||
                it is SSLPeerUnverifiedException
        }

internal actual val defaultCodecs: List<Codec> = listOf(CborCodec, JsonCodec)

/** Of all clients of this process that brought none: an eighth of the threads of `Dispatchers.IO` at the most. */
private val sharedEngines = SharedEngines(limit = 8)

/** Threads beside those of `Dispatchers.IO` that the engines need. */
private val upgrades = Dispatchers.IO.limitedParallelism(4, "live-upgrade")

private const val MAX_CAUSES = 16 // a chain may be a circle
