package dev.live.server.endpoint

import dev.live.protocol.BadPayloadException
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withTimeoutOrNull
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.random.Random
import kotlin.time.Duration

/**
 * Runs code of the application so that its failure is an answer and not the session's end.
 *
 * @param timeout how long a handler may take
 */
internal class HandlerGuard(private val timeout: Duration) {
    /** Runs [block] for a message of type [what]: null if it went well, else what to tell the client. */
    suspend fun run(what: String, block: suspend () -> Unit): LiveException? {
        return try {
            val done = withTimeoutOrNull(timeout) {
                block()
                true
            }
            if (done == true) null else LiveException(ErrorCode.Timeout, "the handler took longer than $timeout")
        } catch (e: BadPayloadException) {
            e
        } catch (e: Throwable) {
            // not a subclass: those are failures of what the handler used, such as the client of another server
            if (e is LiveException && e::class == LiveException::class) return e
            // an assertion or a missing class in one handler must not end the session either
            currentCoroutineContext().ensureActive() // but our own cancellation is no failure of the handler
            val id = Random.nextBits(LOG_ID_BITS).toUInt().toString(radix = 16).padStart(LOG_ID_BITS / 4, '0')
            // what comes from the client: it must not be able to forge a line of the log
            log.error("The handler of '{}' failed; log id {}.", what.filterNot { it.isISOControl() }, id, e)
            LiveException(ErrorCode.Internal, "internal error, log id $id")
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
        const val LOG_ID_BITS = 32
    }
}
