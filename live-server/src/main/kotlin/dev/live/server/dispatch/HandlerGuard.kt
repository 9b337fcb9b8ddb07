package dev.live.server.dispatch

import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.observe.inTrace
import dev.live.server.session.HandlerTimeoutScope
import dev.live.server.session.Session
import dev.live.server.worker.HandlerDispatcher
import dev.live.server.worker.ReaderDispatcher
import dev.live.server.worker.Worker
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.RejectedExecutionException
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.random.Random
import kotlin.time.Duration

/**
 * Runs application code with a time limit and converts its failures to errors for the client, so that a failed handler
 * does not close the session.
 *
 * @param timeout maximum run time of a handler
 * @param dispatcher dispatcher of handlers; null runs them on the caller's dispatcher. Ignored for a session with a
 *   [ReaderDispatcher]: its handlers run on the same threads as its reader
 * @property server scope that outlives sessions, for handlers that must complete although their session ends
 * @param isNested whether handlers run inside a handler call of another guard, which sets their dispatcher and timeout
 */
internal class HandlerGuard(
    private val timeout: Duration,
    dispatcher: CoroutineDispatcher? = null,
    val server: CoroutineScope? = null,
    private val isNested: Boolean = false,
) {
    /** Null for `Unconfined`: its dispatch inside another coroutine would defer the handler. */
    private val dispatcher = dispatcher.takeUnless { it == Dispatchers.Unconfined }

    /**
     * Runs [block], live's own code that calls application code through [callHandler]. Returns the error for the client
     * if it fails, else null.
     *
     * @param name of the handler, for the log
     */
    suspend inline fun isolate(name: String, block: () -> Unit): LiveException? =
        try {
            block()
            null
        } catch (e: Throwable) {
            errorOf(name, e)
        }

    /**
     * Like [isolate], for a block with a result.
     *
     * @throws LiveException with the error for the client if [block] fails
     */
    suspend inline fun <T : Any> isolateValue(name: String, block: () -> T): T {
        var value: T? = null
        val failure = isolate(name) { value = block() }
        return value ?: throw failure ?: error("unreachable: the block either failed or returned a value")
    }

    /**
     * Runs [block], application code, with the time limit. Only called by the session's reader.
     *
     * @param trace trace context of the message
     * @throws LiveException with the code `timeout` if [block] exceeds the time limit
     */
    suspend fun <T : Any> callHandler(session: Session<*>, trace: String = "", block: suspend () -> T): T {
        if (isNested) return block()
        val state = session.state
        val scope = state.timeoutScope?.takeIf { it.isOpen } ?: timeoutScope().also { state.timeoutScope = it }
        return closeIfRejected(session) {
            if (trace.isEmpty()) callIn(scope, block) else callIn(scope) { inTrace(trace, block) }
        }
    }

    /**
     * Runs [block], application code that is not called by the session's reader. Returns the error for the client if it
     * fails, else null.
     *
     * @param name of the handler, for the log
     * @param blockedSession the session that reads no messages until this returns
     * @param session the handler's session; null if it has none yet
     */
    suspend fun run(
        name: String,
        blockedSession: Session<*>? = null,
        session: Session<*>? = blockedSession,
        block: suspend () -> Unit,
    ): LiveException? =
        isolate(name) {
            val scope = timeoutScope()
            val previous = blockedSession?.state?.timeoutScope
            blockedSession?.state?.timeoutScope = scope
            try {
                closeIfRejected(session) { callIn(scope, block) }
            } finally {
                blockedSession?.state?.timeoutScope = previous
                scope.close()
            }
        }

    private suspend fun timeoutScope(): HandlerTimeoutScope {
        val caller = currentCoroutineContext()
        return HandlerTimeoutScope(caller + (dispatcherFor(caller) ?: EmptyCoroutineContext))
    }

    private suspend fun <T : Any> callIn(scope: HandlerTimeoutScope, block: suspend () -> T): T {
        val caller = currentCoroutineContext()
        val dispatcher = dispatcherFor(caller)
        val result =
            if (dispatcher == null || isOnWorker(caller)) {
                scope.call(timeout, block)
            } else {
                dispatch(dispatcher, scope) { scope.call(timeout, block) }
            }
        return result ?: throw LiveException(ErrorCode.Timeout, "the handler took longer than $timeout")
    }

    /** @throws HandlerRejectedException if [dispatcher] rejects [call] or its continuation */
    private suspend fun <T> dispatch(
        dispatcher: CoroutineDispatcher,
        scope: HandlerTimeoutScope,
        call: suspend () -> T,
    ): T {
        var isStarted = false
        try {
            return withContext(dispatcher) {
                isStarted = true
                call()
            }
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows if this session is cancelled
            // Executors as dispatchers cancel the job of a rejected task; other dispatchers throw.
            val isRejection = e is RejectedExecutionException || e.cause is RejectedExecutionException
            // A started handler may itself use an executor that rejects: that does not cancel the scope.
            if (isRejection && !(isStarted && scope.isOpen)) throw HandlerRejectedException(e)
            throw e
        }
    }

    /**
     * Closes [session] if the application's dispatcher is shut down or full. Later messages would fail as well. The
     * handlers called at the end of such a session are rejected too, but each session logs one line.
     */
    private inline fun <T> closeIfRejected(session: Session<*>?, call: () -> T): T =
        try {
            call()
        } catch (e: HandlerRejectedException) {
            if (session == null) {
                log.error("The dispatcher of the handlers rejected a task.", e.cause)
            } else if (session.state.endReason?.reason != HANDLERS_UNAVAILABLE) {
                log.error("The dispatcher of the handlers rejected a task. Session {} is closed.", session.id, e.cause)
            }
            session?.close(CloseCode.TryAgainLater, HANDLERS_UNAVAILABLE)
            throw HandlersUnavailableException()
        }

    private class HandlerRejectedException(cause: Throwable) : Exception(
        "the dispatcher of the handlers rejected a task",
        cause,
    )

    private fun dispatcherFor(caller: CoroutineContext): CoroutineDispatcher? =
        when (val current = caller[ContinuationInterceptor]) {
            is ReaderDispatcher -> current.handlers
            is HandlerDispatcher -> current
            else -> dispatcher
        }

    /** Whether the caller is a reader on a thread that may block. */
    private fun isOnWorker(caller: CoroutineContext): Boolean =
        caller[ContinuationInterceptor] is ReaderDispatcher && Worker.isCurrent

    private suspend fun errorOf(name: String, e: Throwable): LiveException {
        if (e is BadPayloadException || e is HandlersUnavailableException) return e
        // Not a subclass: subclasses are failures of a library in the handler, such as a client of another server.
        if (e is LiveException && e::class == LiveException::class) return e
        // All throwables: an AssertionError or NoClassDefFoundError in a handler must not close the session either.
        currentCoroutineContext().ensureActive() // rethrows if this session is cancelled
        val id = Random.nextBits(LOG_ID_BITS).toUInt().toString(radix = 16).padStart(LOG_ID_BITS / 4, '0')
        // The name comes from the client: without control characters it cannot forge log lines.
        log.error("The handler of '{}' failed; log id {}.", name.filterNot { it.isISOControl() }, id, e)
        return LiveException(ErrorCode.Internal, "internal error, log id $id")
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
        const val LOG_ID_BITS = 32
    }
}

/** The application's dispatcher is shut down or full, which has been logged. */
internal class HandlersUnavailableException : LiveException(ErrorCode.Internal, HANDLERS_UNAVAILABLE)

private const val HANDLERS_UNAVAILABLE = "handlers are not available"
