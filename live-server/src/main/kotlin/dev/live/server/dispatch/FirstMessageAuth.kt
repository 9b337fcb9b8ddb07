package dev.live.server.dispatch

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.toMessage
import dev.live.server.dialect.ClientCommand
import dev.live.server.dialect.Dialect
import dev.live.server.dialect.ServerEvent
import dev.live.server.limits.LimitSettings
import dev.live.server.session.CloseReason
import dev.live.server.session.RETRY_LATER_WINDOW
import dev.live.server.session.goodbyeMessage
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.SocketViolation
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.withTimeoutOrNull

/**
 * Waits for the `auth` message on a new connection. The session is created after it. Other messages are rejected, at
 * most [LimitSettings.maxBadMessages] times. The connection is closed (4401) after [LimitSettings.authTimeout], or
 * with 1013 if [handlers] rejects the check of the token.
 */
internal class FirstMessageAuth<Meta : Any>(
    private val socket: Socket,
    private val dialect: Dialect,
    private val limits: LimitSettings,
    handlers: CoroutineDispatcher,
    private val verify: suspend (String) -> Meta?,
) {
    private val guard = HandlerGuard(limits.authTimeout, handlers)
    private var rejected = 0

    /** Returns the client's meta, or null if the connection has been closed. */
    suspend fun await(): Meta? {
        val timedOut = Outcome.Ended(
            CloseCode.NotAuthenticated,
            "no auth message received within ${limits.authTimeout}",
        )
        return when (val outcome = withTimeoutOrNull(limits.authTimeout) { receive() } ?: timedOut) {
            is Outcome.Accepted -> outcome.meta
            is Outcome.Ended -> {
                close(outcome)
                null
            }
        }
    }

    private suspend fun receive(): Outcome<Meta> {
        while (true) {
            val outcome =
                try {
                    when (val inbound = socket.receive()) {
                        null -> Outcome.Ended(CloseCode.Abnormal)
                        is Inbound.Close -> Outcome.Ended(CloseCode.Normal, byClient = true)
                        is Inbound.Data -> handle(inbound)
                        is Inbound.Ping -> pong(inbound)
                        is Inbound.Pong -> countRejected()
                    }
                } catch (e: SocketViolation) {
                    Outcome.Ended(e.code, e.message.orEmpty())
                }
            if (outcome != null) return outcome
        }
    }

    /** Returns null if the client may try again. */
    private suspend fun handle(data: Inbound.Data): Outcome<Meta>? {
        val message =
            try {
                dialect.decode(data.bytes, data.isText, limits.decode)
            } catch (e: MalformedMessageException) {
                write(e.toErrorMessage())
                return countRejected()
            }
        if (message.type == MessageType.AUTH) return authenticate(message)
        val error = LiveException(ErrorCode.Forbidden, "the first message must be 'auth' with a token")
        write(error.toMessage(message.topic, message.ref))
        return countRejected()
    }

    private suspend fun authenticate(message: Message): Outcome<Meta> {
        var meta: Meta? = null
        val failure = guard.run(MessageType.AUTH) { meta = verify(ClientCommand.Authenticate.of(message).token) }
        meta?.let {
            write(Message(MessageType.ACK, ref = message.ref))
            return Outcome.Accepted(it)
        }
        val error = failure ?: LiveException(ErrorCode.Forbidden, NOT_ACCEPTED)
        write(error.toMessage(ref = message.ref))
        if (failure is HandlersUnavailableException) return tryAgainLater(failure.reason)
        return Outcome.Ended(CloseCode.NotAuthenticated, error.reason)
    }

    /** The token was not checked, so it must not count as rejected: the client may use it again. */
    private suspend fun tryAgainLater(reason: String): Outcome<Meta> {
        write(goodbyeMessage(CloseReason(CloseCode.TryAgainLater, reason, byClient = false), RETRY_LATER_WINDOW))
        return Outcome.Ended(CloseCode.TryAgainLater, reason)
    }

    private suspend fun pong(ping: Inbound.Ping): Outcome<Meta>? {
        write(ServerEvent.Pong(ping.payload))
        return countRejected()
    }

    /**
     * Counts every message without a token, including pings and pongs, to limit the work for unauthenticated clients.
     */
    private fun countRejected(): Outcome<Meta>? {
        if (++rejected < limits.maxBadMessages) return null
        return Outcome.Ended(CloseCode.ProtocolViolated, "$rejected messages received before an auth message")
    }

    private suspend fun write(message: Message) = write(ServerEvent.Sent(message))

    private suspend fun write(event: ServerEvent) = socket.write(arrayOf(dialect.encode(event)), 1)

    private suspend fun close(end: Outcome.Ended) {
        if (end.code == CloseCode.Abnormal) return
        withTimeoutOrNull(limits.authTimeout) { socket.close(end.code.wire, end.reason, closeReceived = end.byClient) }
    }

    private sealed interface Outcome<out Meta> {
        class Accepted<Meta>(val meta: Meta) : Outcome<Meta>

        class Ended(val code: CloseCode, val reason: String = "", val byClient: Boolean = false) : Outcome<Nothing>
    }
}
