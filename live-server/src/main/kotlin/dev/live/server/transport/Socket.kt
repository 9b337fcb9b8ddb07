package dev.live.server.transport

/**
 * The server's end of one WebSocket, whatever carries it.
 *
 * One coroutine receives and one writes; [close] and [abort] come when both are done.
 */
internal interface Socket {
    /**
     * The next thing the client sent, or null when its end of the connection is gone.
     *
     * Control frames are handed out too: answering them is the session's business, because its queue bounds the answers.
     *
     * @throws SocketViolation if the client broke the WebSocket protocol or a limit
     */
    suspend fun receive(): Inbound?

    /**
     * Writes the first [count] frames of [frames] in one go, and returns once there is room for more: this is where
     * backpressure is.
     *
     * @throws java.io.IOException if the connection is gone
     */
    suspend fun write(frames: Array<OutboundFrame?>, count: Int)

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
    /** A whole message, its fragments put together. */
    class Data(val bytes: ByteArray, val isText: Boolean) : Inbound

    class Ping(val payload: ByteArray) : Inbound

    object Pong : Inbound

    /** The client's close frame; [code] is 1005 if it carried none. */
    class Close(val code: Int) : Inbound
}

/** A frame on its way out. [bytes] may be shared between sockets: they are only read. */
internal class OutboundFrame(val opcode: Opcode, val bytes: ByteArray)

/** The opcodes a server writes (RFC 6455, section 5.2). */
internal enum class Opcode(val wire: Int) { Text(0x1), Binary(0x2), Close(0x8), Ping(0x9), Pong(0xA) }

/** The client broke the WebSocket protocol or the limit on a message's size. [message] is fit for the close frame. */
internal class SocketViolation(val tooLarge: Boolean, message: String) : Exception(message)
