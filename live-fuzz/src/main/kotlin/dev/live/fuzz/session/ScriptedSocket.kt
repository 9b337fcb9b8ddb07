package dev.live.fuzz.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.transport.FrameSource
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.WriteListener
import dev.live.server.transport.pumpByCoroutine
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import java.io.IOException

/**
 * The socket of one session. A script plays its client.
 *
 * @param isWoken true if the writer polls the queue when it is woken, as on Netty; otherwise it waits in the queue
 * @param onFrame receives each written frame: opcode and payload
 */
internal class ScriptedSocket(private val isWoken: Boolean, private val onFrame: (Int, ByteArray) -> Unit) : Socket {
    override val transport: String get() = "script"
    private val inbound = Channel<Inbound>(CAPACITY)
    private val stalled = MutableStateFlow(false)

    /** True if the client does not read. */
    var isStalled: Boolean by stalled::value

    /** The code of the server's close frame, or null before it. */
    var closeCode: Int? = null
        private set
    var isAborted: Boolean = false
        private set

    fun receiveFromClient(message: Inbound): Boolean = inbound.trySend(message).isSuccess

    fun disconnect() {
        inbound.close()
    }

    override suspend fun receive(): Inbound? {
        val result = inbound.receiveCatching()
        result.exceptionOrNull()?.let { throw it }
        return result.getOrNull()
    }

    override suspend fun write(frames: Array<OutboundFrame?>, count: Int) {
        stalled.first { !it }
        if (isAborted) throw IOException("the connection is closed")
        for (i in 0 until count) {
            val frame = frames[i]!!
            frames[i] = null
            frame.forEachFrame { opcode, start, end -> onFrame(opcode, frame.wire.copyOfRange(start, end)) }
        }
    }

    override fun pump(
        scope: CoroutineScope,
        source: FrameSource,
        listener: WriteListener,
        onEnd: (IOException?) -> Unit,
    ) {
        if (!isWoken) return pumpByCoroutine(scope, source, listener, onEnd)
        val wake = Channel<Unit>(Channel.CONFLATED)
        source.waker = Runnable { wake.trySend(Unit) }
        wake.trySend(Unit)
        scope.launch {
            try {
                for (signal in wake) if (drain(source, listener)) return@launch onEnd(null)
            } catch (e: IOException) {
                onEnd(e)
            }
        }
    }

    /** Returns true when the source is closed and empty. */
    private suspend fun drain(source: FrameSource, listener: WriteListener): Boolean {
        val batch = arrayOfNulls<OutboundFrame>(BATCH)
        while (true) {
            val count = source.poll(batch)
            if (count <= 0) return count < 0
            val number = listener.writeStarted(reportsBlocked = true)
            if (isStalled) listener.writeBlocked(number)
            write(batch, count)
            listener.writeCompleted()
        }
    }

    override suspend fun close(code: Int, reason: String, closeReceived: Boolean) {
        closeCode = code
    }

    override fun abort() {
        isAborted = true
    }

    private companion object {
        /** More than the maximum number of lines. */
        const val CAPACITY = 1_024
        const val BATCH = 16
    }
}
