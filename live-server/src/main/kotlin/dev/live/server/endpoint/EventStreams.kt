package dev.live.server.endpoint

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.ReconnectRule
import dev.live.server.transport.Disconnect
import dev.live.server.transport.EventSocket
import dev.live.server.transport.StreamStart
import dev.live.server.transport.cutConnection
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

/** What `serverSentEvents` declares: the path [under] the endpoint's, and the least wait before a reconnect. */
internal class StreamSettings(val under: String, val retry: Duration)

/**
 * Answers requests for the topics of one endpoint as server-sent events.
 *
 * Behind each is a session as behind a WebSocket, with its limits, queue, hooks and observers; only its socket is
 * another. It is the server's and not the call's, and a client that goes ends the session and does not cancel the call.
 */
internal class EventStreams<Meta : Any>(
    private val endpoint: LiveEndpoint<Meta>,
    private val context: EndpointContext,
    private val server: EndpointServer<Meta>,
    private val settings: StreamSettings,
) {
    private val codecSlot = context.topics.codecs.slotOf("live.v1.json")

    /** Below the endpoint's own. */
    val path: String get() = settings.under

    init {
        check(codecSlot >= 0) {
            "serverSentEvents() needs JSON, which is not among the server's codecs. Add it: codecs(JsonCodec, ...)."
        }
    }

    suspend fun answer(call: ApplicationCall) {
        val disconnect = call.watchDisconnect()
        call.suppressCompression() // a compressor holds events back until its buffer is full
        val request =
            try {
                val id = call.request.headers[LAST_EVENT_ID]
                StreamRequest.of(call.request.queryParameters, id, context.limits.decode)
            } catch (e: IllegalArgumentException) {
                return call.respondError(HttpStatusCode.BadRequest, ErrorCode.BadPayload.wire, e.message.orEmpty())
            }
        val place = ConnectionPermit(context)
        place.refusal(call)?.let { return refuse(call, it) }
        try {
            when (val identity = place.identify(call, endpoint)) {
                is Identity.Known -> stream(call, request, identity.meta, place, disconnect)
                is Identity.Refused -> refuse(call, identity, place)
                // this client sends no messages
                is Identity.Awaited ->
                    refuse(call, Identity.Refused(HttpStatusCode.Unauthorized, "Not authenticated."), place)
            }
        } finally {
            place()
        }
    }

    private suspend fun stream(
        call: ApplicationCall,
        request: StreamRequest,
        meta: Meta,
        place: ConnectionPermit,
        disconnect: Disconnect,
    ) {
        val codec = context.topics.codecs[codecSlot]
        val socket = EventSocket(request.subscribe, codec, request.since, ::retryAfter, call::cutConnection)
        val address = call.request.origin.remoteAddress
        val session =
            context.scope.launch(Dispatchers.Default + CoroutineName("live-session")) {
                server.serve(socket, codecSlot, meta, address)
            }
        session.invokeOnCompletion { socket.abort() } // also where the server has ended, and nothing was run
        disconnect.onSeen(socket::abort)
        try {
            val start = socket.start.await()
            if (start !is StreamStart.Begun) {
                session.join()
                place()
            }
            when (start) {
                is StreamStart.Begun -> {
                    val events =
                        EventContent { channel ->
                            socket.attach(channel)
                            session.join()
                        }
                    // a session that has ended has reported why: a response that it cut is no failure of the call
                    call.respondIfConnected(disconnect, { session.isCompleted }) { call.respond(events) }
                }
                is StreamStart.Refused -> {
                    val code = ErrorCode.of(start.error.code)
                    val wait = start.error.retryAfterMs?.milliseconds
                    call.respondError(code.httpStatus(), code.wire, start.error.reason, wait)
                }
                is StreamStart.Ended -> ended(call, start)
            }
        } finally {
            socket.abort() // the client is gone, or has all that there was
            withContext(NonCancellable) { session.join() }
        }
    }

    private suspend fun ended(call: ApplicationCall, end: StreamStart.Ended) {
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

    private suspend fun refuse(call: ApplicationCall, refused: Identity.Refused, place: ConnectionPermit? = null) {
        place?.invoke()
        call.respondError(refused.status, refused.status.errorCode(), refused.reason)
    }

    /** Spread, because a browser waits exactly as long as it was told and many were told by the same server. */
    private fun retryAfter(code: CloseCode?): Duration =
        when (val rule = code?.reconnect) {
            // the page is to close the stream; one that does not shall not knock all the time
            is ReconnectRule.Never -> AS_GOOD_AS_NEVER
            is ReconnectRule.GoodbyeWindow ->
                context.sessionSettings.reconnectWindow.let { between(it.start, it.endInclusive) }
            is ReconnectRule.Backoff -> maxOf(settings.retry, rule.minDelay).let { between(it, it * 2) }
            else -> between(settings.retry, settings.retry * 2)
        }

    private fun between(least: Duration, most: Duration): Duration = least + (most - least) * Random.nextDouble()

    /** The response itself; [write] returns when there is no more. */
    private class EventContent(private val write: suspend (ByteWriteChannel) -> Unit) :
        OutgoingContent.WriteChannelContent() {
        override val contentType: ContentType = ContentType.Text.EventStream

        override val headers: Headers =
            headers {
                append(HttpHeaders.CacheControl, "no-store")
                append("X-Accel-Buffering", "no") // a proxy that gathers the response would hold events back
            }

        override suspend fun writeTo(channel: ByteWriteChannel): Unit = write(channel)
    }

    private companion object {
        const val LAST_EVENT_ID = "Last-Event-ID"
        val AS_GOOD_AS_NEVER = 1.hours
    }
}
