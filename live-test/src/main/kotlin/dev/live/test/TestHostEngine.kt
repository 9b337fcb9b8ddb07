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
 * An engine of Ktor's `HttpClient` for the WebSockets of an [application] on Ktor's test host.
 *
 * The test host has one too, but there what a server answers in place of an upgrade, such as 401, is lost on the way,
 * and a client that vanishes is never noticed; it neither masks frames nor makes a proper key (Ktor 3.5.1,
 * `TestApplicationEngineJvm.kt`). Here both ends of the connection do what they do in production, with bytes between
 * them.
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
            toServer.cancel(IOException("the client is gone"))
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

    /** Hands the request to the application, as an engine does, and returns when it is answered. */
    @InternalAPI
    private suspend fun serve(data: HttpRequestData, body: ByteReadChannel): TestApplicationCall {
        val job = SupervisorJob(application.coroutineContext.job)
        // the test host's copying of bytes fails with the connection that a server cuts, which is no fault
        val cut = CoroutineExceptionHandler { _, e -> application.log.debug("A connection was cut.", e) }
        val serverContext: CoroutineContext = Dispatchers.Default + job + cut
        val call = TestApplicationCall(application, readResponse = false, closeRequest = false, serverContext)
        call.request.uri = data.url.fullPath
        call.request.method = data.method
        call.request.bodyChannel = body
        mergeHeaders(data.headers, data.body) { name, value -> call.request.addHeader(name, value) }
        val answered = CompletableDeferred<Unit>()
        // not awaited: a connection that was upgraded is a child of the request it began as
        CoroutineScope(serverContext).launch(CoroutineName("live-test-call")) {
            try {
                application.execute(call)
            } catch (e: Exception) {
                ensureActive()
                application.log.error("The application failed to answer {}.", call.request.uri, e)
                call.response.status(HttpStatusCode.InternalServerError)
            } finally {
                answered.complete(Unit)
            }
        }
        job.complete() // it ends with the call
        answered.await()
        return call
    }
}
