package dev.live.server.sse

import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.Message
import dev.live.protocol.ReconnectRule
import dev.live.protocol.decode
import dev.live.server.endpoint.EndpointSpec
import dev.live.server.endpoint.StreamSettings
import dev.live.server.http.ConnectionPermit
import dev.live.server.http.EndpointContext
import dev.live.server.http.EndpointServer
import dev.live.server.http.HttpRejection
import dev.live.server.http.Identity
import dev.live.server.http.RETRY_AFTER_SECONDS
import dev.live.server.http.errorCode
import dev.live.server.http.httpStatus
import dev.live.server.http.identify
import dev.live.server.http.respondError
import dev.live.server.http.respondIfConnected
import dev.live.server.transport.Disconnect
import dev.live.server.transport.EventSocket
import dev.live.server.transport.StreamStart
import dev.live.server.transport.forceCloseConnection
import dev.live.server.transport.watchDisconnect
import io.ktor.http.ContentType
import io.ktor.http.Headers
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.http.content.OutgoingContent
import io.ktor.http.headers
import io.ktor.server.application.ApplicationCall
import io.ktor.server.http.content.suppressCompression
import io.ktor.server.plugins.origin
import io.ktor.server.response.respond
import io.ktor.utils.io.ByteWriteChannel
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Serves the topics of one endpoint as server-sent events.
 *
 * Each stream has a session with the same limits, queue, hooks and observers as a WebSocket session; only the socket
 * differs. The session runs in the server's scope, not in the call's: a client disconnect ends the session and does not
 * cancel the call.
 */
internal class EventStreams<Meta : Any>(
    private val endpoint: EndpointSpec<Meta>,
    private val context: EndpointContext,
    private val server: EndpointServer<Meta>,
    private val settings: StreamSettings,
) {
    private val slot = context.topics.dialects.eventsSlot

    /** Path below the path of the endpoint. */
    val path: String get() = settings.path

    init {
        check(slot >= 0) {
            "serverSentEvents() needs the JSON codec. Add it: codecs(JsonCodec, ...)."
        }
    }

    suspend fun handle(call: ApplicationCall) {
        val disconnect = call.watchDisconnect()
        call.suppressCompression() // a compressor delays events until its buffer is full
        val request =
            try {
                val id = call.request.headers[LAST_EVENT_ID]
                StreamRequest.of(call.request.queryParameters, id, context.limits.decode)
            } catch (e: IllegalArgumentException) {
                return call.respondError(HttpStatusCode.BadRequest, ErrorCode.BadPayload.wire, e.message.orEmpty())
            }
        val permit = ConnectionPermit(context)
        permit.acquire(call)?.let { return reject(call, it) }
        permit.use {
            when (val identity = context.identify(call, endpoint)) {
                is Identity.Authenticated -> stream(call, request, identity.meta, permit, disconnect)
                is HttpRejection -> reject(call, identity, permit)
                // a client of server-sent events cannot send an `auth` message
                is Identity.Pending ->
                    reject(call, HttpRejection(HttpStatusCode.Unauthorized, "Not authenticated."), permit)
            }
        }
    }

    private suspend fun stream(
        call: ApplicationCall,
        request: StreamRequest,
        meta: Meta,
        permit: ConnectionPermit,
        disconnect: Disconnect,
    ) {
        val subscribe = context.topics.dialects[slot].codec.encode(request.subscribe)
        val socket = EventSocket(subscribe, ::retryAfter, call::forceCloseConnection)
        val address = call.request.origin.remoteAddress
        val session =
            context.scope.launch(Dispatchers.Default + CoroutineName("live-session")) {
                server.serve(socket, slot, meta, address, request.topic)
            }
        session.invokeOnCompletion { socket.abort() } // also if the server's scope was cancelled before the launch
        disconnect.onDetected(socket::abort)
        try {
            val start = socket.start.await()
            if (start !is StreamStart.Started) {
                session.join()
                permit.close()
            }
            when (start) {
                is StreamStart.Started -> {
                    val events =
                        EventContent { channel ->
                            socket.attach(channel)
                            session.join()
                        }
                    // A session that has ended has reported its close reason; the aborted response is not a call
                    // failure.
                    call.respondIfConnected(disconnect, { session.isCompleted }) { call.respond(events) }
                }
                is StreamStart.Rejected -> respondRejected(call, start.reply)
                is StreamStart.Ended -> respondEnded(call, start)
            }
        } finally {
            socket.abort() // the client has disconnected or has received the whole stream
            withContext(NonCancellable) { session.join() }
        }
    }

    private suspend fun respondRejected(call: ApplicationCall, reply: Message) {
        val error =
            try {
                reply.decode<ErrorData>()
            } catch (_: BadPayloadException) {
                DEFAULT_REJECTION // an interceptor may have replaced the reply with any payload
            }
        val code = ErrorCode.of(error.code)
        call.respondError(code.httpStatus(), code.wire, error.reason, error.retryAfterMs?.milliseconds)
    }

    private suspend fun respondEnded(call: ApplicationCall, end: StreamStart.Ended) {
        val status =
            when (end.code) {
                CloseCode.NotAuthenticated -> HttpStatusCode.Unauthorized
                CloseCode.Internal -> HttpStatusCode.InternalServerError
                CloseCode.Normal, CloseCode.Kicked, CloseCode.ProtocolViolated -> HttpStatusCode.Forbidden
                else -> HttpStatusCode.ServiceUnavailable
            }
        val wait = RETRY_AFTER_SECONDS.seconds.takeIf { status == HttpStatusCode.ServiceUnavailable }
        val code = if (status == HttpStatusCode.InternalServerError) ErrorCode.Internal.wire else status.errorCode()
        call.respondError(status, code, end.reason.ifEmpty { "the session has ended" }, wait)
    }

    private suspend fun reject(call: ApplicationCall, rejection: HttpRejection, permit: ConnectionPermit? = null) {
        permit?.close()
        call.respondError(rejection.status, rejection.status.errorCode(), rejection.reason)
    }

    /** With jitter: a browser waits exactly this long, and a restart disconnects all clients at the same time. */
    private fun retryAfter(code: CloseCode?): Duration =
        when (val rule = code?.reconnect) {
            // The page should close the stream. Otherwise the browser keeps reconnecting, so this limits how often.
            is ReconnectRule.Never -> NEVER_RECONNECT_DELAY
            is ReconnectRule.GoodbyeWindow ->
                context.sessionSettings.reconnectWindow.let { between(it.start, it.endInclusive) }
            is ReconnectRule.Backoff -> maxOf(settings.retry, rule.minDelay).let { between(it, it * 2) }
            else -> between(settings.retry, settings.retry * 2)
        }

    private fun between(min: Duration, max: Duration): Duration = min + (max - min) * Random.nextDouble()

    /** The response body; [write] returns at the end of the stream. */
    private class EventContent(private val write: suspend (ByteWriteChannel) -> Unit) :
        OutgoingContent.WriteChannelContent() {
        override val contentType: ContentType = ContentType.Text.EventStream

        override val headers: Headers =
            headers {
                append(HttpHeaders.CacheControl, "no-store")
                append("X-Accel-Buffering", "no") // a proxy that buffers the response would delay events
            }

        override suspend fun writeTo(channel: ByteWriteChannel): Unit = write(channel)
    }

    private companion object {
        const val LAST_EVENT_ID = "Last-Event-ID"
        val NEVER_RECONNECT_DELAY = 1.hours
        val DEFAULT_REJECTION = ErrorData(ErrorCode.Forbidden.wire, "this session may not use the topic")
    }
}
