package dev.live.client.transport

import dev.live.protocol.CloseCode
import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.call.body
import io.ktor.client.plugins.expectSuccess
import io.ktor.client.plugins.websocket.DefaultClientWebSocketSession
import io.ktor.client.plugins.websocket.WebSocketException
import io.ktor.client.plugins.websocket.WebSockets
import io.ktor.client.request.prepareGet
import io.ktor.client.request.url
import io.ktor.client.statement.HttpResponse
import io.ktor.client.statement.HttpResponsePipeline
import io.ktor.client.statement.request
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.http.contentType
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.readRemaining
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.io.readString
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * A [Transport] over Ktor's [HttpClient], with any engine.
 *
 * @param httpClient provides the engine and plugins, and is not closed here; null: the transport creates its own client
 * @param connectTimeout time limit for the connect and the upgrade, including name resolution and TLS
 * @param maxMessageSize maximum size of a received message in bytes; a larger message closes the connection with 1009
 * @throws IllegalArgumentException if [connectTimeout] is not positive or [maxMessageSize] is below 1
 */
public class KtorTransport(
    httpClient: HttpClient? = null,
    private val connectTimeout: Duration = 10.seconds,
    private val maxMessageSize: Int = 1024 * 1024,
) : Transport {
    init {
        require(connectTimeout.isPositive()) { "connectTimeout must be positive, was $connectTimeout" }
        require(maxMessageSize >= 1) { "maxMessageSize must be at least 1 byte, was $maxMessageSize" }
    }

    // a client derived from the application's client shares its engine; closing it does not close that engine
    private val client =
        httpClient?.config { configureUpgrades(boundIncoming = false) }
            ?: defaultHttpClient { configureUpgrades(boundIncoming = canLimitFrames) }

    /**
     * Ktor's Java engine leaves the connection open if two of its coroutines observe the end of the call in the wrong
     * order. After a close frame it closes the connection reliably.
     */
    private val needsCloseFrame = client.engine::class.simpleName == "JavaHttpEngine"

    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R =
        coroutineScope {
            val opened = CompletableDeferred<Wire>()
            // a separate job, cancelled below: a cancelled caller must not end the call before the close frame is sent
            val call = launch(Job() + CoroutineName("live-socket") + upgradeContext) { keepOpen(request, opened) }
            call.invokeOnCompletion { opened.completeExceptionally(it ?: CancellationException("the call has ended")) }
            var wire: Wire? = null
            try {
                wire = withTimeoutOrNull(connectTimeout) { opened.await() }
                use(wire ?: throw ConnectTimeoutException(connectTimeout))
            } finally {
                withContext(NonCancellable) {
                    if (needsCloseFrame) wire?.close(CloseCode.GoingAway, "")
                    call.cancelAndJoin()
                }
            }
        }

    override fun close(): Unit = client.close()

    /** Opens the connection, completes [opened], and keeps the connection open until this coroutine is cancelled. */
    private suspend fun keepOpen(request: ConnectRequest, opened: CompletableDeferred<Wire>) {
        try {
            val call =
                client.prepareGet {
                    url(request.url)
                    expectSuccess = false // error responses are handled here, not by the application's validators
                    headers.appendAll(upgradeHeaders(request))
                }
            call.execute { response ->
                val session = response.body<DefaultClientWebSocketSession>()
                if (canLimitFrames) session.limitFrames(maxMessageSize)
                opened.complete(
                    KtorWire(session, response.headers[HttpHeaders.SecWebSocketProtocol], maxMessageSize),
                )
                awaitCancellation()
            }
        } catch (e: Throwable) {
            val failure = connectionFailure(e) ?: throw e
            coroutineScope { ensureActive() } // throws if this connection was cancelled
            opened.completeExceptionally(okHttpRejection(failure)?.let { redirectOf(it, request) ?: it } ?: failure)
        }
    }

    /**
     * The redirect target for [rejection], if its engine does not report it: repeats the request without the upgrade.
     * Null if [rejection] is not a redirect, or the target is unknown.
     */
    private suspend fun redirectOf(
        rejection: UpgradeRejectedException,
        request: ConnectRequest,
    ): UpgradeRejectedException? {
        if (rejection.status !in REDIRECTS) return null
        try {
            val get =
                client.prepareGet {
                    url("http" + request.url.substring("ws".length))
                    expectSuccess = false
                    request.headers.forEach { (name, value) -> headers.append(name, value) }
                }
            return get.execute { if (it.status.value in REDIRECTS) redirect(it) else null }
        } catch (_: Exception) {
            coroutineScope { ensureActive() }
            return null
        }
    }
}

/**
 * Bounds Ktor's frame queues, which are unlimited by default, if the engine supports it: most engines cannot suspend
 * while reading. Does not follow redirects, like browsers and OkHttp, because the target is seldom a WebSocket
 * endpoint.
 */
private fun HttpClientConfig<*>.configureUpgrades(boundIncoming: Boolean) {
    followRedirects = false
    // before Ktor's plugin, which only reports "expected 101 but was 503"
    install("live-upgrade-rejections") {
        responsePipeline.intercept(HttpResponsePipeline.Receive) { (_, content) ->
            val response = context.response
            val isRejected = response.status != HttpStatusCode.SwitchingProtocols
            if (isRejected) throw rejection(response, content as? ByteReadChannel)
        }
    }
    install(WebSockets) {
        channels {
            if (boundIncoming) incoming = bounded(FRAME_QUEUE_CAPACITY)
            outgoing = bounded(FRAME_QUEUE_CAPACITY)
        }
    }
}

/** Rejects larger frames before they are read, if the engine supports it. OkHttp has no such limit and throws. */
private fun DefaultClientWebSocketSession.limitFrames(maxMessageSize: Int) {
    try {
        maxFrameSize = maxMessageSize.toLong()
    } catch (_: WebSocketException) {
        // the wire checks the size after reading
    }
}

private suspend fun rejection(response: HttpResponse, body: ByteReadChannel?): UpgradeRejectedException {
    if (response.status.value in REDIRECTS) redirect(response)?.let { return it }
    val text = body?.readRemaining(MAX_REASON_BYTES)?.readString().orEmpty()
    val isHtml = response.contentType()?.contentSubtype.orEmpty().contains("html")
    return UpgradeRejectedException(
        response.status.value,
        summaryOf(text, isHtml, response.status.value),
        response.headers[HttpHeaders.RetryAfter]?.let { parseRetryAfter(it) },
    )
}

private fun redirect(response: HttpResponse): UpgradeRejectedException? {
    val target = redirectTarget(response.headers[HttpHeaders.Location] ?: return null, response.request.url)
    return UpgradeRejectedException(response.status.value, "$REDIRECTED_TO$target")
}

/**
 * The rejection in an exception [e] of OkHttp, or null. Ktor's OkHttp engine passes on the response only for a 401, and
 * OkHttp's exception contains only the status and its reason phrase.
 */
private fun okHttpRejection(e: Exception): UpgradeRejectedException? {
    val (status, phrase) = OKHTTP_REJECTION.find(e.message.orEmpty())?.destructured ?: return null
    return UpgradeRejectedException(status.toInt(), phrase, retryAfter = null)
}

private val OKHTTP_REJECTION = Regex("^Expected HTTP 101 response but was '(\\d{3}) ([^']*)'")

/** Prefix of the reason of an [UpgradeRejectedException] for a redirect. */
internal const val REDIRECTED_TO = "redirected to "
private val REDIRECTS = 300..399
private const val MAX_REASON_BYTES = 2048L
private const val FRAME_QUEUE_CAPACITY = 16
