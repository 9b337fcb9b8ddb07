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
 * Answers what the server asks: a handler for each type of request, [CAPACITY] of them at work or waiting for their
 * answers to be written, and as many refusals. What comes beyond those is not answered.
 *
 * Handlers are added and removed from any thread; everything else is used on the client's dispatcher.
 *
 * @param scope the client's, on its dispatcher
 * @param workers where handlers run
 */
internal class RequestHandlers(
    private val scope: CoroutineScope,
    private val workers: CoroutineContext,
    private val outbox: Outbox,
) {
    private val handlers = MutableStateFlow<Map<String, Handler>>(emptyMap())
    private val calls = LinkedHashSet<Call>()
    private var refusals = 0

    /** Calls that have not been answered, or whose handlers still run. */
    val size: Int get() = calls.size

    /** Has requests of [type] answered by [handle], until what is returned is closed. */
    fun add(type: String, timeout: Duration, handle: suspend RequestScope.(Message) -> Body?): AutoCloseable {
        require(type !in MessageType.All) { "request type '$type' is one of the protocol's own; choose another" }
        Message(type) // checks it: of another type no request could come
        val handler = Handler(timeout, handle)
        handlers.update {
            require(type !in it) { "requests of type '$type' have a handler already; close that one first" }
            it + (type to handler)
        }
        return AutoCloseable { handlers.update { if (it[type] === handler) it - type else it } }
    }

    /** Starts to answer [request], which has a ref of the server's. */
    fun handle(request: Message) {
        if (request.type in MessageType.All) return // an answer to nothing, and no request
        val handler = handlers.value[request.type]
        when {
            handler == null -> refuse(request, ErrorCode.UnknownType, "this client answers no requests of this type")
            calls.size == CAPACITY ->
                refuse(request, ErrorCode.RateLimited, "this client answers at most $CAPACITY requests at a time")
            else -> Call(request, handler).start()
        }
    }

    /** Nothing that was asked on this connection is answered on another. */
    fun disconnected() {
        refusals = 0
        calls.toList().forEach { it.abandon() }
    }

    private fun refuse(request: Message, code: ErrorCode, reason: String) {
        if (refusals == CAPACITY) return
        refusals++
        val refusal = LiveException(code, reason).toMessage(request.topic, request.ref)
        outbox.putOwn(
            object : Outgoing {
                override fun take(): Message {
                    refusals--
                    return refusal
                }
            },
        )
    }

    private class Handler(val timeout: Duration, private val handle: suspend RequestScope.(Message) -> Body?) {
        suspend fun answer(request: Message): Answer =
            try {
                val reply = withTimeoutOrNull(timeout) { Reply(RequestScope(request).handle(request)) }
                    ?: throw LiveException(ErrorCode.Timeout, "the handler took longer than $timeout")
                Answer(Message(MessageType.REPLY, request.topic, request.ref, reply.body))
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // the connection's end is no failure of the handler
                failed(request, e)
            }

        fun failed(request: Message, failure: Throwable): Answer {
            val refusal = refusalIn(failure)
            val told = refusal ?: LiveException(ErrorCode.Internal, "the client's handler failed")
            return Answer(told.toMessage(request.topic, request.ref), failure.takeIf { refusal == null })
        }
    }

    /** Tells a reply without a payload from none in time. */
    private class Reply(val body: Body?)

    /** What the server gets, and what went wrong where that does not say it. */
    private class Answer(val message: Message, val failure: Throwable? = null)

    /** One request: its handler at work, and then its answer on its way out. */
    private inner class Call(private val request: Message, private val handler: Handler) : Outgoing {
        private lateinit var job: Job
        private var answer: Message? = null

        fun start() {
            calls += this
            // undispatched, so that it comes as far as leaving again however early it is cancelled
            job = scope.launch(CoroutineName("live-request"), CoroutineStart.UNDISPATCHED) { run() }
        }

        fun abandon() {
            job.cancel()
            if (answer != null) calls -= this // otherwise when its handler has ended, which may not heed this
        }

        override fun take(): Message? {
            calls -= this
            return answer
        }

        private suspend fun run() {
            var failure: Throwable? = null
            try {
                val given = given()
                answer = given.message
                failure = given.failure
                outbox.putOwn(this)
            } finally {
                if (answer == null) calls -= this
            }
            // for the handler of uncaught exceptions: the server only receives `internal`, without the cause
            failure?.let { throw if (it is CancellationException) HandlerCancelledException(request.type, it) else it }
        }

        private suspend fun given(): Answer =
            try {
                withContext(workers) { handler.answer(request) }
            } catch (e: CancellationException) {
                currentCoroutineContext().ensureActive()
                handler.failed(request, e) // the application's executor took no task
            }
    }

    /** A handler was cancelled, but not by the client. A cancellation would not reach the uncaught exception handler. */
    private class HandlerCancelledException(type: String, cause: CancellationException) :
        IllegalStateException("the handler of requests of type '$type' was cancelled: ${cause.message}", cause)

    companion object {
        /** Requests that are answered at the same time. */
        const val CAPACITY = 64

        /** What [failure] of a handler tells the server, or null if it was one of something that the handler used. */
        private fun refusalIn(failure: Throwable): LiveException? =
            when (failure) {
                is ConnectionLostException, is ClientClosedException, is SlowCollectorException -> null
                is MalformedMessageException -> null
                else -> failure as? LiveException
            }
    }
}
