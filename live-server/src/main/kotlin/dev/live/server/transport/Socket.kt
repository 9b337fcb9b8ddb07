package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.frame.OutboundFrame
import kotlinx.coroutines.CoroutineScope
import java.io.IOException
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

/**
 * The server's end of one WebSocket, whatever carries it.
 *
 * One coroutine receives, and one thing writes: a [pump], or whoever calls [write] while there is none. [close] and
 * [abort] come when both are done.
 */
internal interface Socket {
    /** What carries it, for operators: "netty", "portable" or "sse". */
    val transport: String

    /** Where whoever receives from this socket should run, to be spared a change of threads for each message. */
    val readerContext: CoroutineContext get() = EmptyCoroutineContext

    /**
     * The next thing the client sent, or null when its end of the connection is gone.
     *
     * Control frames are handed out too: answering them is the session's business, because its queue bounds the answers.
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit
     */
    suspend fun receive(): Inbound?

    /**
     * As [receive], for a reader that goes on until [stopReading]: cancelling it need not end its wait, which is then
     * cheaper.
     */
    suspend fun read(): Inbound? = receive()

    /** Cancels whoever waits in [read], now and later. To be called when the scope of the reader ends; from any thread. */
    fun stopReading() {}

    /**
     * Writes the first [count] frames of [frames] in one go, and returns once there is room for more: this is where
     * backpressure is.
     *
     * @throws java.io.IOException if the connection is gone
     */
    suspend fun write(frames: Array<OutboundFrame?>, count: Int)

    /**
     * Writes what [source] holds, as it comes and no faster than the client takes it, and tells [watch] of writes that the
     * client does not take at once. Returns at once; [onEnd] is called when the source is closed and all of it was
     * written, or with why the connection is gone.
     *
     * @param scope where a pump has its coroutine if it needs one; its owner cancels the source too when it ends
     */
    fun pump(scope: CoroutineScope, source: FrameSource, watch: WriteWatch, onEnd: (IOException?) -> Unit): Unit =
        pumpByCoroutine(scope, source, watch, onEnd)

    /**
     * Says goodbye and returns when the connection is closed on both sides: writes a close frame, waits for the client's
     * unless [answering] it, and ends the stream. What the client sends meanwhile is discarded.
     *
     * Takes as long as the client does: callers set the limit, and [abort] after it.
     */
    suspend fun close(code: Int, reason: String, answering: Boolean)

    /** Drops the connection at once; what has not been written is lost. */
    fun abort()
}

/** What a client sent. */
internal sealed interface Inbound {
    /** Bytes of what it carries. */
    val size: Int get() = 0

    /** A whole message, its fragments put together. */
    class Data(val bytes: ByteArray, val isText: Boolean) : Inbound {
        override val size: Int get() = bytes.size
    }

    class Ping(val payload: ByteArray) : Inbound {
        override val size: Int get() = payload.size
    }

    object Pong : Inbound

    /** The client's close frame; [code] is 1005 if it carried none. */
    class Close(val code: Int) : Inbound
}

/**
 * The client violated RFC 6455 or a limit on its messages, and nothing it sends is read any more. The connection is to be
 * closed with [code]; [message] is fit for the close frame.
 */
internal class SocketViolation(val code: CloseCode, message: String) : Exception(message)
