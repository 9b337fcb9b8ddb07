package dev.live.client.connection

import dev.live.client.topic.RequestSender
import dev.live.protocol.AuthData
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlinx.coroutines.delay
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * Sends a fresh token on the open connection before the current one expires.
 *
 * Only used on the client's dispatcher.
 *
 * @param timeout time limit for the server's reply
 */
internal class TokenRenewal(
    private val tokens: TokenProvider,
    private val requestSender: RequestSender,
    private val timeout: Duration,
) {
    /** Whether the application has a token function. */
    val isPossible: Boolean get() = tokens.canRefresh

    /**
     * Retries until the server has accepted a token, or until less than a second is [left]. Each retry follows after
     * half of the remaining time: many applications have a fresh token only shortly before the old one expires.
     * Without a renewal, the client reconnects after the server's 4401.
     */
    suspend fun run(left: Duration) {
        var remaining = left
        while (!isDone()) {
            remaining /= 2
            if (remaining < MIN_DELAY) return
            delay(remaining)
        }
    }

    private suspend fun isDone(): Boolean {
        val token =
            try {
                tokens.renewed() ?: return false
            } catch (_: NoTokenException) {
                return false // may succeed in the next retry
            }
        try {
            requestSender.request(MessageType.AUTH, topic = "", Body.of(AuthData(token)), timeout)
            tokens.sent(token)
            return true
        } catch (e: LiveException) {
            if (e.code == ErrorCode.Forbidden) tokens.sent(token) // the 4401 that follows refers to this token
            return !e.code.isWorthRetrying
        }
    }

    private companion object {
        val MIN_DELAY = 1.seconds
    }
}
