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
 * A socket whose client is played by the test.
 *
 * [stalled], the client takes nothing; [broken], writing fails; not [answering], it never completes a close handshake.
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

    fun say(text: String) = check(inbound.trySend(Inbound.Data(text.encodeToByteArray(), isText = true)).isSuccess)

    fun ping(payload: ByteArray = ByteArray(0)) = check(inbound.trySend(Inbound.Ping(payload)).isSuccess)

    fun pong() = check(inbound.trySend(Inbound.Pong).isSuccess)

    fun sayGoodbye(code: Int = 1000) = check(inbound.trySend(Inbound.Close(code)).isSuccess)

    /** The connection breaks without a word. */
    fun breakOff() {
        inbound.close()
    }

    fun violate(code: CloseCode, reason: String) {
        inbound.close(SocketViolation(code, reason))
    }

    /** Whole messages that were written, as text. */
    fun words(): List<String> =
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
        if (broken) throw IOException("the connection is gone")
        for (i in 0 until count) {
            written += frames[i]!!
            frames[i] = null
        }
    }

    override suspend fun close(code: Int, reason: String, answering: Boolean) {
        closings += Closing(code, reason, answering)
        if (!this.answering) CompletableDeferred<Unit>().await()
    }

    override fun abort() {
        isAborted = true
    }

    /** A close frame that was written; [answering] that of the client. */
    data class Closing(val code: Int, val reason: String, val answering: Boolean)
}

/** What [this] carries, without its header. */
internal fun OutboundFrame.payload(): ByteArray = wire.copyOfRange(wire.size - size, wire.size)
