package dev.live.test

import io.ktor.client.engine.HttpClientEngineBase
import io.ktor.client.engine.HttpClientEngineCapability
import io.ktor.client.engine.HttpClientEngineConfig
import io.ktor.client.engine.callContext
import io.ktor.client.engine.mergeHeaders
import io.ktor.client.plugins.websocket.WebSocketCapability
import io.ktor.client.request.HttpRequestData
import io.ktor.client.request.HttpResponseData
import io.ktor.http.HttpProtocolVersion
import io.ktor.http.HttpStatusCode
import io.ktor.http.fullPath
import io.ktor.server.application.Application
import io.ktor.server.application.log
import io.ktor.server.testing.TestApplicationCall
import io.ktor.util.date.GMTDate
import io.ktor.util.pipeline.execute
import io.ktor.utils.io.ByteChannel
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.InternalAPI
import io.ktor.utils.io.cancel
import io.ktor.websocket.RawWebSocket
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.io.IOException
import kotlin.coroutines.CoroutineContext

/**
 * A Ktor `HttpClient` engine for WebSocket connections to an [application] on Ktor's test host.
 *
 * Ktor's own test engine loses the response that a server sends instead of an upgrade, such as 401, and does not detect
 * a disconnected client. It does not mask frames and sends no valid key (Ktor 3.5.1, `TestApplicationEngineJvm.kt`).
 * With this engine, both ends run their production code and exchange bytes.
 */
internal class TestHostEngine(private val application: Application) : HttpClientEngineBase("live-test-host") {
    override val config: HttpClientEngineConfig = HttpClientEngineConfig()
    override val supportedCapabilities: Set<HttpClientEngineCapability<*>> = setOf(WebSocketCapability)

    @InternalAPI
    override suspend fun execute(data: HttpRequestData): HttpResponseData {
        val callContext = callContext()
        val toServer = ByteChannel(autoFlush = true)
        val call = serve(data, toServer)
        val fromServer = call.response.websocketChannel() ?: ByteReadChannel.Empty
        callContext.job.invokeOnCompletion {
            toServer.cancel(IOException("the client disconnected"))
            fromServer.cancel()
        }
        val status = call.response.status() ?: HttpStatusCode.NotFound
        val body: Any =
            if (status == HttpStatusCode.SwitchingProtocols) {
                RawWebSocket(fromServer, toServer, masking = true, coroutineContext = callContext)
            } else {
                fromServer
            }
        val headers = call.response.headers.allValues()
        return HttpResponseData(status, GMTDate(), headers, HttpProtocolVersion.HTTP_1_1, body, callContext)
    }

    /** Passes the request to the application, like a server engine, and returns when the response has started. */
    @InternalAPI
    private suspend fun serve(data: HttpRequestData, body: ByteReadChannel): TestApplicationCall {
        val job = SupervisorJob(application.coroutineContext.job)
        // the test host's byte copying fails when the server drops the connection; this is expected
        val dropHandler = CoroutineExceptionHandler { _, e -> application.log.debug("A connection was dropped.", e) }
        val serverContext: CoroutineContext = Dispatchers.Default + job + dropHandler
        val call = TestApplicationCall(application, readResponse = false, closeRequest = false, serverContext)
        call.request.uri = data.url.fullPath
        call.request.method = data.method
        call.request.bodyChannel = body
        mergeHeaders(data.headers, data.body) { name, value -> call.request.addHeader(name, value) }
        val responded = CompletableDeferred<Unit>()
        // not joined: an upgraded connection is a child of this call and runs as long as the connection
        CoroutineScope(serverContext).launch(CoroutineName("live-test-call")) {
            try {
                application.execute(call)
            } catch (e: Exception) {
                ensureActive()
                application.log.error("The application failed to respond to {}.", call.request.uri, e)
                call.response.status(HttpStatusCode.InternalServerError)
            } finally {
                responded.complete(Unit)
            }
        }
        job.complete() // the job ends with the call
        responded.await()
        return call
    }
}
