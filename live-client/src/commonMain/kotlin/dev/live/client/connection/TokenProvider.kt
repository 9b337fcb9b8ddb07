package dev.live.client.connection

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration

/** There is no token to connect with, because of [disconnectCause]. */
internal class NoTokenException(val disconnectCause: DisconnectCause) : Exception(disconnectCause.toString())

/**
 * Calls the application's token function before each connection and before the token expires. Remembers the token
 * that the server rejected last. Only used on the client's dispatcher.
 *
 * @param context context of the application's function; not the client's dispatcher, which the function might block
 * @param provide the application's token function; null if it connects without a token
 * @param timeout time limit for [provide], during which the client does nothing else
 */
internal class TokenProvider(
    private val context: CoroutineContext,
    private val provide: (suspend () -> String)?,
    private val timeout: Duration,
) {
    private var current: String? = null
    private var rejected: String? = null

    val canRefresh: Boolean get() = provide != null

    /**
     * Returns the token for the next connection, or null if the application connects without a token.
     *
     * @throws NoTokenException if the application's function failed, or returned the rejected token again
     */
    suspend fun next(): String? {
        val token = callProvider(provide ?: return null)
        if (token == rejected) throw NoTokenException(DisconnectCause.StaleToken)
        current = token
        return token
    }

    /**
     * Returns a token for the renewal, or null if the application still returns the current or the rejected one.
     *
     * @throws NoTokenException if the application's function failed
     */
    suspend fun renewed(): String? =
        callProvider(provide ?: return null).takeUnless { it == current || it == rejected }

    /** Makes [token] the current one. A later rejection by the server refers to it. */
    fun sent(token: String) {
        current = token
    }

    /** The server rejected the current token. */
    fun reject() {
        rejected = current
    }

    private suspend fun callProvider(provide: suspend () -> String): String {
        try {
            val token = withTimeoutOrNull(timeout) { withContext(context) { provide() } }
            return validated(token ?: throw LiveException(ErrorCode.Timeout, "no token within $timeout"))
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive() // throws if the client was closed
            throw NoTokenException(DisconnectCause.NoToken(e))
        }
    }

    /** Validated here, because the errors of HTTP engines contain the whole token. */
    private fun validated(token: String): String {
        val invalid = token.indexOfFirst { it !in ' '..'~' }
        require(invalid < 0) {
            "the token is not valid in a header: character ${invalid + 1} of ${token.length} has code " +
                "${token[invalid].code}. Trim a line break at its end."
        }
        return token
    }
}
