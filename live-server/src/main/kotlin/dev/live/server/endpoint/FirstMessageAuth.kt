package dev.live.server.endpoint

import dev.live.protocol.AuthData
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.toMessage
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.limits.LimitSettings
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.SocketViolation
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.withTimeoutOrNull

/**
 * Waits on a fresh connection for the `auth` message that says who the client is. Until it came there is no session:
 * everything else is refused, [LimitSettings.maxBadMessages] times, and the connection is closed (4401) when the time is over.
 */
internal class FirstMessageAuth<Meta : Any>(
    private val socket: Socket,
    private val codec: Codec,
    private val limits: LimitSettings,
    handlers: CoroutineDispatcher,
    private val verify: suspend (String) -> Meta?,
) {
    private val guard = HandlerGuard(limits.authTimeout, handlers)
    private var strikes = 0

    /** The client's meta, or null: then the connection has been closed. */
    suspend fun await(): Meta? {
        val late = Outcome.Ended(
            CloseCode.NotAuthenticated,
            "no token came in an auth message within ${limits.authTimeout}",
        )
        return when (val outcome = withTimeoutOrNull(limits.authTimeout) { converse() } ?: late) {
            is Outcome.Accepted -> outcome.meta
            is Outcome.Ended -> {
                close(outcome)
                null
            }
        }
    }

    private suspend fun converse(): Outcome<Meta> {
        while (true) {
            val outcome =
                try {
                    when (val inbound = socket.receive()) {
                        null -> Outcome.Ended(CloseCode.Abnormal)
                        is Inbound.Close -> Outcome.Ended(CloseCode.Normal, byClient = true)
                        is Inbound.Data -> take(inbound)
                        is Inbound.Ping -> pong(inbound)
                        is Inbound.Pong -> strike()
                    }
                } catch (e: SocketViolation) {
                    Outcome.Ended(e.code, e.message.orEmpty())
                }
            if (outcome != null) return outcome
        }
    }

    /** Null if the client may try again. */
    private suspend fun take(data: Inbound.Data): Outcome<Meta>? {
        val message =
            try {
                codec.decode(data, limits.decode)
            } catch (e: MalformedMessageException) {
                write(e.answer())
                return strike()
            }
        if (message.type == MessageType.AUTH) return judge(message)
        val refusal = LiveException(ErrorCode.Forbidden, "the first message must be 'auth' with a token")
        write(refusal.toMessage(message.topic, message.ref))
        return strike()
    }

    private suspend fun judge(message: Message): Outcome<Meta> {
        var meta: Meta? = null
        val failure = guard.run(MessageType.AUTH) { meta = verify(message.decode<AuthData>().token) }
        meta?.let {
            write(Message(MessageType.ACK, ref = message.ref))
            return Outcome.Accepted(it)
        }
        val refusal = failure ?: LiveException(ErrorCode.Forbidden, NOT_ACCEPTED)
        write(refusal.toMessage(ref = message.ref))
        return Outcome.Ended(CloseCode.NotAuthenticated, refusal.reason)
    }

    private suspend fun pong(ping: Inbound.Ping): Outcome<Meta>? {
        writeFrame(OutboundFrame(Opcode.Pong, ping.payload))
        return strike()
    }

    /** Everything that is no token counts, so that nobody is kept busy by a client that nobody knows. */
    private fun strike(): Outcome<Meta>? {
        if (++strikes < limits.maxBadMessages) return null
        return Outcome.Ended(CloseCode.ProtocolViolated, "$strikes messages before a token")
    }

    private suspend fun write(message: Message) =
        writeFrame(OutboundFrame(if (codec.isBinary) Opcode.Binary else Opcode.Text, codec.encode(message)))

    private suspend fun writeFrame(frame: OutboundFrame) = socket.write(arrayOf(frame), 1)

    private suspend fun close(end: Outcome.Ended) {
        if (end.code == CloseCode.Abnormal) return
        withTimeoutOrNull(limits.authTimeout) { socket.close(end.code.wire, end.reason, answering = end.byClient) }
    }

    private sealed interface Outcome<out Meta> {
        class Accepted<Meta>(val meta: Meta) : Outcome<Meta>

        class Ended(val code: CloseCode, val reason: String = "", val byClient: Boolean = false) : Outcome<Nothing>
    }
}
