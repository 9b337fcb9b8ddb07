package dev.live.server.endpoint

import dev.live.protocol.BadPayloadException
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.observe.inTrace
import dev.live.server.session.HandlerTimeoutScope
import dev.live.server.session.Session
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.random.Random
import kotlin.time.Duration

/**
 * Runs code of the application so that its failure is an answer and not the session's end.
 *
 * @param timeout how long a handler may take
 * @param dispatcher where it runs; null for where it was called
 * @property server what outlives sessions, for what must go on when one ends
 * @param isNested whether all that is a message's runs within a call of another guard's, in its place and its time
 */
internal class HandlerGuard(
    private val timeout: Duration,
    dispatcher: CoroutineDispatcher? = null,
    val server: CoroutineScope? = null,
    private val isNested: Boolean = false,
) {
    /** Unconfined is in place, without the detour that its dispatch would be inside another coroutine. */
    private val elsewhere = dispatcher.takeUnless { it == Dispatchers.Unconfined }

    /** Runs [block], code of ours that calls the application's within [handler]: what to tell the client if it fails. */
    suspend inline fun answer(what: String, block: () -> Unit): LiveException? =
        try {
            block()
            null
        } catch (e: Throwable) {
            answerTo(what, e)
        }

    /**
     * As [answer], of what makes something.
     *
     * @throws LiveException with what to tell whoever asked for it
     */
    suspend inline fun <T : Any> made(what: String, block: () -> T): T {
        var made: T? = null
        val failure = answer(what) { made = block() }
        return made ?: throw failure ?: error("unreachable: it either failed or did not")
    }

    /**
     * Runs [block], code of the application, for as long as it may take. Called by the session's reader alone.
     *
     * @param trace of the message that is handled
     * @throws LiveException if that was not enough
     */
    suspend fun <T : Any> handler(session: Session<*>, trace: String = "", block: suspend () -> T): T {
        if (isNested) return block()
        val state = session.state
        val lane = state.lane?.takeIf { it.isOpen } ?: lane().also { state.lane = it }
        return if (trace.isEmpty()) timed(lane, block) else timed(lane) { inTrace(trace, block) }
    }

    /**
     * Runs [block], code of the application that is not the reader's: null if it went well.
     *
     * @param waiting the session that reads nothing until this returns
     */
    suspend fun run(what: String, waiting: Session<*>? = null, block: suspend () -> Unit): LiveException? =
        answer(what) {
            val lane = lane()
            val before = waiting?.state?.lane
            waiting?.state?.lane = lane
            try {
                timed(lane, block)
            } finally {
                waiting?.state?.lane = before
                lane.close()
            }
        }

    private suspend fun lane() = HandlerTimeoutScope(currentCoroutineContext() + (elsewhere ?: EmptyCoroutineContext))

    private suspend fun <T : Any> timed(lane: HandlerTimeoutScope, block: suspend () -> T): T {
        val result =
            if (elsewhere == null) lane.call(timeout, block) else withContext(elsewhere) { lane.call(timeout, block) }
        return result ?: throw LiveException(ErrorCode.Timeout, "the handler took longer than $timeout")
    }

    private suspend fun answerTo(what: String, e: Throwable): LiveException {
        if (e is BadPayloadException) return e
        // not a subclass: those are failures of what the handler used, such as the client of another server
        if (e is LiveException && e::class == LiveException::class) return e
        // an assertion or a missing class in one handler must not end the session either
        currentCoroutineContext().ensureActive() // but our own cancellation is no failure of the handler
        val id = Random.nextBits(LOG_ID_BITS).toUInt().toString(radix = 16).padStart(LOG_ID_BITS / 4, '0')
        // what comes from the client: it must not be able to forge a line of the log
        log.error("The handler of '{}' failed; log id {}.", what.filterNot { it.isISOControl() }, id, e)
        return LiveException(ErrorCode.Internal, "internal error, log id $id")
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
        const val LOG_ID_BITS = 32
    }
}
