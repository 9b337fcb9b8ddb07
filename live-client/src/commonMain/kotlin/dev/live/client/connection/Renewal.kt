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
 * Hands the server a fresh token over the connection that there is, before the one in use runs out.
 *
 * Only used on the client's dispatcher.
 *
 * @param timeout for the server's answer
 */
internal class Renewal(private val bearer: Bearer, private val exchange: RequestSender, private val timeout: Duration) {
    /** Whether the application has tokens to renew with. */
    val isPossible: Boolean get() = bearer.canRefresh

    /**
     * Tries until it is done or less than a second is [left], each time after half of the rest: many applications have
     * a fresh token only shortly before the old one runs out. What then remains is to reconnect after the server's 4401.
     */
    suspend fun run(left: Duration) {
        var rest = left
        while (!isDone()) {
            rest /= 2
            if (rest < SHORTEST_PAUSE) return
            delay(rest)
        }
    }

    private suspend fun isDone(): Boolean {
        val token =
            try {
                bearer.fresher() ?: return false
            } catch (_: NoTokenException) {
                return false // as before a connection, it may work the next time
            }
        try {
            exchange.ask(MessageType.AUTH, topic = "", Body.of(AuthData(token)), timeout)
            bearer.judged(token)
            return true
        } catch (e: LiveException) {
            if (e.code == ErrorCode.Forbidden) bearer.judged(token) // and the 4401 that follows is about it
            return !e.code.isWorthRetrying
        }
    }

    private companion object {
        val SHORTEST_PAUSE = 1.seconds
    }
}
