package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.frame.OutboundFrame
import kotlinx.coroutines.CoroutineScope
import java.io.IOException
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

/**
 * The server's side of one WebSocket, independent of its transport.
 *
 * One coroutine receives. There is one writer: a [pump], or the caller of [write] while there is none. [close] and
 * [abort] are called after both have finished.
 */
internal interface Socket {
    /** The transport's name, for operators: "netty", "portable" or "sse". */
    val transport: String

    /** The context in which the reader should run, to save a thread switch per message. */
    val readerContext: CoroutineContext get() = EmptyCoroutineContext

    /**
     * Returns the next message or control frame from the client, or null when the client's side of the connection is
     * closed.
     *
     * Control frames are returned too: the session replies to them, because its queue bounds the replies.
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit
     */
    suspend fun receive(): Inbound?

    /**
     * Like [receive], for a reader that runs until [stopReading]. Cancellation need not end its wait, which makes it
     * cheaper.
     */
    suspend fun read(): Inbound? = receive()

    /** Cancels current and later calls of [read]. Called when the scope of the reader ends; any thread. */
    fun stopReading() {}

    /**
     * Writes the first [count] frames of [frames] in one write, and returns when there is capacity for more. This
     * provides the backpressure.
     *
     * @throws java.io.IOException if the connection is lost
     */
    suspend fun write(frames: Array<OutboundFrame?>, count: Int)

    /**
     * Writes the frames of [source] as they arrive, no faster than the client reads, and notifies [listener] of writes
     * that the client does not accept at once. Returns at once. [onEnd] is called with null after the source is closed
     * and all its frames are written, or with the failure of the connection.
     *
     * @param scope for the coroutine of a pump that needs one; its owner also cancels the source when it ends
     */
    fun pump(scope: CoroutineScope, source: FrameSource, listener: WriteListener, onEnd: (IOException?) -> Unit): Unit =
        pumpByCoroutine(scope, source, listener, onEnd)

    /**
     * Runs the close handshake and returns when the connection is closed on both sides: sends a close frame, waits for
     * the client's unless [closeReceived], and ends the stream. Other frames from the client are discarded.
     *
     * The client determines how long it takes, so callers set a time limit and then call [abort].
     */
    suspend fun close(code: Int, reason: String, closeReceived: Boolean)

    /** Drops the connection at once; unwritten frames are lost. */
    fun abort()
}

/** A message or control frame from the client. */
internal sealed interface Inbound {
    /** Number of payload bytes. */
    val size: Int get() = 0

    /**
     * A complete message, assembled from its fragments.
     *
     * @property isCompressed whether [InflatingSocket] has to inflate [bytes]
     * @property size the larger one of its sizes before and after it was inflated, which the rate limits count
     */
    class Data(
        val bytes: ByteArray,
        val isText: Boolean,
        val isCompressed: Boolean = false,
        override val size: Int = bytes.size,
    ) : Inbound

    class Ping(val payload: ByteArray) : Inbound {
        override val size: Int get() = payload.size
    }

    object Pong : Inbound

    /** The client's close frame; [code] is 1005 if it has none. */
    class Close(val code: Int) : Inbound
}

/**
 * The client violated RFC 6455 or a limit on its messages. Later input is ignored. The session closes the connection
 * with [code], and with [message] as the reason.
 */
internal class SocketViolation(val code: CloseCode, message: String) : Exception(message)
