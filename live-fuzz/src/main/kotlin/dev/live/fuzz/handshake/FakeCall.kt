package dev.live.fuzz.handshake

import dev.live.fuzz.checkInvariant
import io.ktor.http.Headers
import io.ktor.http.HttpMethod
import io.ktor.http.HttpStatusCode
import io.ktor.http.Parameters
import io.ktor.http.RequestConnectionPoint
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.ApplicationRequest
import io.ktor.server.request.RequestCookies
import io.ktor.server.response.ApplicationResponse
import io.ktor.server.response.ResponseCookies
import io.ktor.server.response.ResponseHeaders
import io.ktor.server.response.ResponsePushBuilder
import io.ktor.server.response.UseHttp2Push
import io.ktor.util.Attributes
import io.ktor.util.reflect.TypeInfo
import io.ktor.utils.io.ByteReadChannel
import kotlin.coroutines.CoroutineContext

/** A request without an engine. It stores the response. */
internal class FakeCall(
    override val coroutineContext: CoroutineContext,
    private val verb: HttpMethod,
    private val query: Parameters,
    private val headers: Headers,
) : ApplicationCall {
    /** The response, or null before it. */
    var result: Any? = null
        private set

    override val attributes: Attributes = Attributes()
    override val parameters: Parameters get() = query
    override val request: ApplicationRequest = Request()
    override val response: ApplicationResponse = Response()
    override val application: Application get() = error("no application in this test")

    override suspend fun respond(message: Any?, typeInfo: TypeInfo?) {
        checkInvariant(result == null) { "the request got two responses" }
        result = message
    }

    override suspend fun <T> receiveNullable(typeInfo: TypeInfo): T? = error("the body of an upgrade was read")

    private inner class Request : ApplicationRequest {
        override val call: ApplicationCall get() = this@FakeCall
        override val headers: Headers get() = this@FakeCall.headers
        override val local: RequestConnectionPoint = Local(verb)
        override val queryParameters: Parameters get() = query
        override val rawQueryParameters: Parameters get() = query
        override val cookies: RequestCookies by lazy { RequestCookies(this) }

        override fun receiveChannel(): ByteReadChannel = ByteReadChannel.Empty
    }

    private inner class Response : ApplicationResponse {
        private var status: HttpStatusCode? = null
        override val call: ApplicationCall get() = this@FakeCall
        override val isCommitted: Boolean get() = result != null
        override val isSent: Boolean get() = result != null
        override val headers: ResponseHeaders = HeaderList()
        override val cookies: ResponseCookies get() = error("live sets no cookies")

        override fun status(): HttpStatusCode? = status

        override fun status(value: HttpStatusCode) {
            status = value
        }

        @OptIn(UseHttp2Push::class)
        @Suppress("DEPRECATION")
        override fun push(builder: ResponsePushBuilder): Unit = error("live pushes nothing")
    }

    private class HeaderList : ResponseHeaders() {
        private val all = LinkedHashMap<String, MutableList<String>>()

        override fun engineAppendHeader(name: String, value: String) {
            all.getOrPut(name) { ArrayList() } += value
        }

        override fun getEngineHeaderNames(): List<String> = all.keys.toList()

        override fun getEngineHeaderValues(name: String): List<String> = all[name].orEmpty()
    }

    private class Local(override val method: HttpMethod) : RequestConnectionPoint {
        override val scheme get() = "http"
        override val version get() = "HTTP/1.1"
        override val uri get() = "/live"
        override val serverHost get() = "localhost"
        override val localHost get() = "localhost"
        override val localAddress get() = "127.0.0.1"
        override val serverPort get() = PORT
        override val localPort get() = PORT
        override val remoteHost get() = "localhost"
        override val remotePort get() = PORT
        override val remoteAddress get() = "127.0.0.1"

        @Deprecated("Use localPort or serverPort instead")
        override val port get() = PORT

        @Deprecated("Use localHost or serverHost instead")
        override val host get() = "localhost"
    }

    private companion object {
        const val PORT = 8_080
    }
}
