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
 * The [Transport] over Ktor's [HttpClient], with whatever engine it has.
 *
 * @param httpClient whose engine and plugins to use; it is not closed here. Null: a client of this transport's own
 * @param connectTimeout how long the server may take to answer the upgrade, name resolution and TLS included
 * @param maxMessageSize bytes of the largest message that is read; a larger one ends the connection with 1009
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

    // a client derived from the application's shares its engine, and closing it leaves that engine alone
    private val client =
        httpClient?.config { forUpgrades(boundIncoming = false) }
            ?: defaultHttpClient { forUpgrades(boundIncoming = canLimitReading) }

    /**
     * Ktor's Java engine leaves the connection open if two of its coroutines see the end of the call in the wrong order.
     * It closes reliably with a close frame.
     */
    private val needsCloseFrame = client.engine::class.simpleName == "JavaHttpEngine"

    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R =
        coroutineScope {
            val opened = CompletableDeferred<Wire>()
            // its own job, ended below: a cancellation of the caller must not reach the call before the close frame has left
            val call = launch(Job() + CoroutineName("live-socket") + upgradeContext) { hold(request, opened) }
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

    /** Opens the connection into [opened] and keeps it until this coroutine is cancelled. */
    private suspend fun hold(request: ConnectRequest, opened: CompletableDeferred<Wire>) {
        try {
            val call =
                client.prepareGet {
                    url(request.url)
                    expectSuccess = false // a refusal is read here, not by the application's validators
                    headers.appendAll(upgradeHeaders(request))
                }
            call.execute { response ->
                val session = response.body<DefaultClientWebSocketSession>()
                if (canLimitReading) session.limitFrames(maxMessageSize)
                opened.complete(
                    KtorWire(session, response.headers[HttpHeaders.SecWebSocketProtocol], maxMessageSize),
                )
                awaitCancellation()
            }
        } catch (e: Throwable) {
            val failure = failureIn(e) ?: throw e
            coroutineScope { ensureActive() } // throws if it is this connection that was ended
            opened.completeExceptionally(refusalSaidBy(failure)?.let { redirectOf(it, request) ?: it } ?: failure)
        }
    }

    /**
     * Where the redirect leads that [refused] tells of and that the engine kept to itself: asked for once more, without the
     * upgrade. Null if it is none, or nobody says.
     */
    private suspend fun redirectOf(
        refused: UpgradeRefusedException,
        request: ConnectRequest,
    ): UpgradeRefusedException? {
        if (refused.status !in REDIRECTS) return null
        try {
            val page =
                client.prepareGet {
                    url("http" + request.url.substring("ws".length))
                    expectSuccess = false
                    request.headers.forEach { (name, value) -> headers.append(name, value) }
                }
            return page.execute { if (it.status.value in REDIRECTS) redirect(it) else null }
        } catch (_: Exception) {
            coroutineScope { ensureActive() }
            return null
        }
    }
}

/**
 * Bounds Ktor's frame queues, which are unlimited by default, as far as the engine can: most cannot wait while reading. An
 * upgrade is not redirected, as it is not by browsers and OkHttp: what answers elsewhere is seldom a WebSocket.
 */
private fun HttpClientConfig<*>.forUpgrades(boundIncoming: Boolean) {
    followRedirects = false
    // before Ktor's plugin, which says no more than "expected 101 but was 503"
    install("live-refusals") {
        responsePipeline.intercept(HttpResponsePipeline.Receive) { (_, content) ->
            val response = context.response
            val isRefused = response.status != HttpStatusCode.SwitchingProtocols
            if (isRefused) throw refusal(response, content as? ByteReadChannel)
        }
    }
    install(WebSockets) {
        channels {
            if (boundIncoming) incoming = bounded(FRAME_QUEUE_CAPACITY)
            outgoing = bounded(FRAME_QUEUE_CAPACITY)
        }
    }
}

/** Has a frame over the limit refused before it is read, where the engine can: OkHttp has no such limit, and throws. */
private fun DefaultClientWebSocketSession.limitFrames(maxMessageSize: Int) {
    try {
        maxFrameSize = maxMessageSize.toLong()
    } catch (_: WebSocketException) {
        // then the wire looks at what was read
    }
}

private suspend fun refusal(response: HttpResponse, body: ByteReadChannel?): UpgradeRefusedException {
    if (response.status.value in REDIRECTS) redirect(response)?.let { return it }
    val text = body?.readRemaining(MAX_REASON_BYTES)?.readString().orEmpty()
    val isPage = response.contentType()?.contentSubtype.orEmpty().contains("html")
    return UpgradeRefusedException(
        response.status.value,
        shortTextOf(text, isPage, response.status.value),
        response.headers[HttpHeaders.RetryAfter]?.let { parseRetryAfter(it) },
    )
}

private fun redirect(response: HttpResponse): UpgradeRefusedException? {
    val target = redirectTarget(response.headers[HttpHeaders.Location] ?: return null, response.request.url)
    return UpgradeRefusedException(response.status.value, "$REDIRECTED_TO$target")
}

/**
 * The refusal that [e] tells of, or null. Ktor's OkHttp engine gives the response to nobody unless it is a 401, and
 * OkHttp's exception has no more than the status and its phrase.
 */
private fun refusalSaidBy(e: Exception): UpgradeRefusedException? {
    val (status, phrase) = OKHTTP_REFUSAL.find(e.message.orEmpty())?.destructured ?: return null
    return UpgradeRefusedException(status.toInt(), phrase, retryAfter = null)
}

private val OKHTTP_REFUSAL = Regex("^Expected HTTP 101 response but was '(\\d{3}) ([^']*)'")

/** How the reason of an [UpgradeRefusedException] begins that tells of a redirect. */
internal const val REDIRECTED_TO = "redirected to "
private val REDIRECTS = 300..399
private const val MAX_REASON_BYTES = 2048L
private const val FRAME_QUEUE_CAPACITY = 16
