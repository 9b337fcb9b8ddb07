package dev.live.server.endpoint

import dev.live.protocol.AuthData
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.toMessage
import dev.live.server.limits.LimitSettings
import dev.live.server.transport.Inbound
import dev.live.server.transport.Opcode
import dev.live.server.transport.OutboundFrame
import dev.live.server.transport.Socket
import dev.live.server.transport.SocketViolation
import kotlinx.coroutines.withTimeoutOrNull

/**
 * Waits on a fresh connection for the `auth` message that says who the client is. Until it came there is no session:
 * nothing else is answered, and the connection is closed (4401) when the time is over.
 */
internal class FirstMessageAuth<Meta : Any>(
    private val socket: Socket,
    private val codec: Codec,
    private val limits: LimitSettings,
    private val verify: suspend (String) -> Meta?,
) {
    /** The client's meta, or null: then the connection has been closed. */
    suspend fun await(): Meta? {
        val meta = withTimeoutOrNull(limits.authTimeout) { firstToken() }
        if (meta ==
            null
        ) {
            refuse(
                CloseCode.NotAuthenticated,
                "no accepted token came in an auth message within ${limits.authTimeout}",
            )
        }
        return meta
    }

    private suspend fun firstToken(): Meta? {
        val data = firstMessage() ?: return null
        val message =
            try {
                codec.decode(data.bytes, limits.decode)
            } catch (e: LiveException) {
                write(e.toMessage())
                return null
            }
        val guard = HandlerGuard(limits.authTimeout)
        var meta: Meta? = null
        val failure =
            if (message.type != MessageType.AUTH) {
                LiveException(ErrorCode.Forbidden, "the first message must be 'auth' with a token")
            } else {
                guard.run("auth") { meta = verify(message.decode<AuthData>().token) }
            }
        when {
            failure != null -> write(failure.toMessage(ref = message.ref))
            meta == null -> write(
                LiveException(ErrorCode.Forbidden, Dispatcher.NOT_ACCEPTED).toMessage(ref = message.ref),
            )
            else -> write(Message(MessageType.ACK, ref = message.ref))
        }
        return meta
    }

    private suspend fun firstMessage(): Inbound.Data? {
        while (true) {
            try {
                when (val inbound = socket.receive()) {
                    null, is Inbound.Close -> return null
                    is Inbound.Data -> return inbound
                    is Inbound.Ping -> writeFrame(OutboundFrame(Opcode.Pong, inbound.payload))
                    is Inbound.Pong -> Unit
                }
            } catch (_: SocketViolation) {
                return null
            }
        }
    }

    private suspend fun write(message: Message) =
        writeFrame(OutboundFrame(if (codec.isBinary) Opcode.Binary else Opcode.Text, codec.encode(message)))

    private suspend fun writeFrame(frame: OutboundFrame) = socket.write(arrayOf(frame), 1)

    private suspend fun refuse(code: CloseCode, reason: String) {
        withTimeoutOrNull(limits.authTimeout) {
            socket.close(code.wire, reason, answering = false)
        }
    }
}
