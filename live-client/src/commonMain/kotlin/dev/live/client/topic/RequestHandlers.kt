package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.toMessage
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration

/**
 * Handles requests from the server, with one handler per request type.
 *
 * At most [CAPACITY] calls run or wait for their replies to be written, and as many rejections wait to be written.
 * Requests beyond these limits get no reply. Handlers are added and removed from any thread; everything else is only
 * used on the client's dispatcher.
 *
 * @param scope the client's scope, on its dispatcher
 * @param workers context in which handlers run
 */
internal class RequestHandlers(
    private val scope: CoroutineScope,
    private val workers: CoroutineContext,
    private val outbox: Outbox,
) {
    private val handlers = MutableStateFlow<Map<String, Handler>>(emptyMap())
    private val calls = LinkedHashSet<Call>()

    /** Rejections in the outbox. */
    private var rejections = 0

    /** Calls with a running handler, or with a reply that is not written yet. */
    val size: Int get() = calls.size

    /** Handles requests of [type] with [handle] until the result is closed. */
    fun add(type: String, timeout: Duration, handle: suspend RequestScope.(Message) -> Body?): AutoCloseable {
        require(type !in MessageType.All) { "request type '$type' is reserved by the protocol. Choose another type." }
        Message(type) // validates the type
        val handler = Handler(timeout, handle)
        handlers.update {
            require(type !in it) { "requests of type '$type' already have a handler. Close that handler first." }
            it + (type to handler)
        }
        return AutoCloseable { handlers.update { if (it[type] === handler) it - type else it } }
    }

    /** Starts to handle [request], which has a ref of the server. */
    fun handle(request: Message) {
        if (request.type in MessageType.All) return // a reply without a request
        val handler = handlers.value[request.type]
        when {
            handler == null ->
                reject(request, ErrorCode.UnknownType, "this client has no handler for this request type")
            calls.size == CAPACITY ->
                reject(request, ErrorCode.RateLimited, "this client handles at most $CAPACITY requests at a time")
            else -> Call(request, handler).start()
        }
    }

    /** Cancels all calls. A reply is only sent on the connection of its request. */
    fun disconnected() {
        rejections = 0
        calls.toList().forEach { it.cancel() }
    }

    private fun reject(request: Message, code: ErrorCode, reason: String) {
        if (rejections == CAPACITY) return
        rejections++
        val error = LiveException(code, reason).toMessage(request.topic, request.ref)
        outbox.addControl {
            rejections--
            error
        }
    }

    private class Handler(val timeout: Duration, private val handle: suspend RequestScope.(Message) -> Body?) {
        suspend fun run(request: Message): Outcome =
            try {
                val result = withTimeoutOrNull(timeout) { Result(RequestScope(request).handle(request)) }
                    ?: throw LiveException(ErrorCode.Timeout, "the handler took longer than $timeout")
                Outcome(Message(MessageType.REPLY, request.topic, request.ref, result.body))
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // throws if the connection has ended
                failed(request, e)
            }

        fun failed(request: Message, failure: Throwable): Outcome {
            val rejection = rejectionIn(failure)
            val error = rejection ?: LiveException(ErrorCode.Internal, "the client's handler failed")
            return Outcome(error.toMessage(request.topic, request.ref), failure.takeIf { rejection == null })
        }
    }

    /** Distinguishes a reply without a payload from a timeout. */
    private class Result(val body: Body?)

    /**
     * The result of a handler.
     *
     * @property reply the message for the server
     * @property failure the handler's failure, if [reply] does not contain it
     */
    private class Outcome(val reply: Message, val failure: Throwable? = null)

    /** One request: first its running handler, then its reply in the outbox. */
    private inner class Call(private val request: Message, private val handler: Handler) : Outgoing {
        private lateinit var job: Job
        private var reply: Message? = null

        fun start() {
            calls += this
            // undispatched: run() must reach its finally block even if the job is cancelled immediately
            job = scope.launch(CoroutineName("live-request"), CoroutineStart.UNDISPATCHED) { run() }
        }

        fun cancel() {
            job.cancel()
            if (reply != null) calls -= this // else run() removes it when the handler has ended
        }

        override fun take(): Message? {
            calls -= this
            return reply
        }

        private suspend fun run() {
            var failure: Throwable? = null
            try {
                val outcome = runHandler()
                reply = outcome.reply
                failure = outcome.failure
                outbox.addControl(this)
            } finally {
                if (reply == null) calls -= this
            }
            // for the uncaught exception handler: the server only receives `internal`, without the cause
            failure?.let { throw if (it is CancellationException) HandlerCancelledException(request.type, it) else it }
        }

        private suspend fun runHandler(): Outcome =
            try {
                withContext(workers) { handler.run(request) }
            } catch (e: CancellationException) {
                currentCoroutineContext().ensureActive()
                handler.failed(request, e) // the application's executor rejected the task
            }
    }

    /**
     * A handler was cancelled, but not by the client. A cancellation would not reach the uncaught exception handler.
     */
    private class HandlerCancelledException(type: String, cause: CancellationException) :
        IllegalStateException("the handler of requests of type '$type' was cancelled: ${cause.message}", cause)

    companion object {
        /** Requests that are handled at the same time. */
        const val CAPACITY = 64

        /** The rejection that a handler threw, or null if [failure] comes from a call that the handler made. */
        private fun rejectionIn(failure: Throwable): LiveException? =
            when (failure) {
                is ConnectionLostException, is ClientClosedException, is SlowCollectorException -> null
                is MalformedMessageException -> null
                else -> failure as? LiveException
            }
    }
}
