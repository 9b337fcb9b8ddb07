package dev.live.client.connection

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration

/** There is no token to connect with; [why] says more. */
internal class NoTokenException(val why: DisconnectCause) : Exception(why.toString())

/**
 * Asks the application for a token before each connection and when one runs out, and remembers the one that was
 * refused. Only used on the client's dispatcher.
 *
 * @param timeout how long that function may take: while it hangs, the client does
 * @param context where the application's function runs: not the client's own dispatcher, which it might block
 */
internal class Bearer(
    private val context: CoroutineContext,
    private val provide: (suspend () -> String)?,
    private val timeout: Duration,
) {
    private var current: String? = null
    private var refused: String? = null

    val canRefresh: Boolean get() = provide != null

    /**
     * The token for the next connection, or null if the application connects without.
     *
     * @throws NoTokenException if its function failed, or came up with the refused token again
     */
    suspend fun next(): String? {
        val token = ask(provide ?: return null)
        if (token == refused) throw NoTokenException(DisconnectCause.StaleToken)
        current = token
        return token
    }

    /**
     * A token to go on with, or null if the application has no other than the one in use yet.
     *
     * @throws NoTokenException if its function failed
     */
    suspend fun fresher(): String? = ask(provide ?: return null).takeUnless { it == current || it == refused }

    /** The server has judged [token]: what it says of a token from now on is about this one. */
    fun judged(token: String) {
        current = token
    }

    /** The server did not accept the token last given out. */
    fun refuse() {
        refused = current
    }

    private suspend fun ask(provide: suspend () -> String): String {
        try {
            val token = withTimeoutOrNull(timeout) { withContext(context) { provide() } }
            return sendable(token ?: throw LiveException(ErrorCode.Timeout, "no token within $timeout"))
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive() // throws if it is the client that was closed
            throw NoTokenException(DisconnectCause.NoToken(e))
        }
    }

    /** Checked here, as the engines say it with the whole token in their message. */
    private fun sendable(token: String): String {
        val wrong = token.indexOfFirst { it !in ' '..'~' }
        require(wrong < 0) {
            "the token's character ${wrong + 1} of ${token.length}, of code ${token[wrong].code}, is none that a " +
                "header may have; a line break at its end is to be trimmed"
        }
        return token
    }
}
