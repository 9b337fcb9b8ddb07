package dev.live.server.support

import dev.live.protocol.CloseCode
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.SocketViolation
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import java.io.IOException

/**
 * A socket with a client that the test controls.
 *
 * A [stalled] client reads nothing. On a [broken] one, writes fail. One that is not [answering] never completes a
 * close handshake.
 */
internal class FakeSocket : Socket {
    override val transport: String get() = "fake"

    private val inbound = Channel<Inbound>(Channel.UNLIMITED)
    private val stall = MutableStateFlow(false)
    private val written = mutableListOf<OutboundFrame>()

    var stalled: Boolean by stall::value
    var broken = false
    var answering = true

    val closings = mutableListOf<Closing>()
    var isAborted = false
        private set

    fun sendText(text: String) = check(inbound.trySend(Inbound.Data(text.encodeToByteArray(), isText = true)).isSuccess)

    fun ping(payload: ByteArray = ByteArray(0)) = check(inbound.trySend(Inbound.Ping(payload)).isSuccess)

    fun pong() = check(inbound.trySend(Inbound.Pong).isSuccess)

    fun sendClose(code: Int = 1000) = check(inbound.trySend(Inbound.Close(code)).isSuccess)

    /** Drops the connection without a close frame. */
    fun dropConnection() {
        inbound.close()
    }

    fun violate(code: CloseCode, reason: String) {
        inbound.close(SocketViolation(code, reason))
    }

    /** The text of each message written. */
    fun texts(): List<String> =
        written.filter { it.opcode == Opcode.Text || it.opcode == Opcode.Binary }.map { it.payload().decodeToString() }

    fun count(opcode: Opcode): Int = written.count { it.opcode == opcode }

    fun payloadsOf(opcode: Opcode): List<List<Byte>> = written.filter {
        it.opcode == opcode
    }.map { it.payload().toList() }

    override suspend fun receive(): Inbound? {
        val result = inbound.receiveCatching()
        result.exceptionOrNull()?.let { throw it }
        return result.getOrNull()
    }

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int) {
        stall.first { !it }
        if (broken) throw IOException("the connection is lost")
        for (i in 0 until count) {
            written += frames[i]!!
            frames[i] = null
        }
    }

    override suspend fun close(code: Int, reason: String, closeReceived: Boolean) {
        closings += Closing(code, reason, closeReceived)
        if (!answering) CompletableDeferred<Unit>().await()
    }

    override fun abort() {
        isAborted = true
    }

    /** A written close frame; [answering] is true for a reply to the client's. */
    data class Closing(val code: Int, val reason: String, val closeReceived: Boolean)
}

/** The payload of the frame, without its header. */
internal fun OutboundFrame.payload(): ByteArray = wire.copyOfRange(wire.size - size, wire.size)
