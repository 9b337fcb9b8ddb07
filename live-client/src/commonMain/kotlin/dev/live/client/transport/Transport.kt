package dev.live.client.transport

import dev.live.protocol.CloseCode
import kotlin.time.Duration

/**
 * How a client reaches its server: opens one connection at a time for the client's connection loop.
 *
 * [KtorTransport] is the one for production; tests bring their own.
 */
public interface Transport {
    /**
     * Connects, runs [use] with the open connection and returns what it returns.
     *
     * The connection lives as long as [use]: when it returns, fails or is cancelled, nothing of the connection is left.
     *
     * @throws UpgradeRefusedException if the server answered, but not with a WebSocket; every other exception before
     *   [use] was called means that no server was reached
     */
    public suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R

    /** Releases what all connections shared. Called once, after the last connection. */
    public fun close()
}

/**
 * What a connection is opened with.
 *
 * @property url where to, `ws://` or `wss://`
 * @property subprotocols what to offer, the most wanted first
 * @property headers headers of the upgrade request; they may carry a token, so [toString] leaves them out
 */
public class ConnectRequest(
    public val url: String,
    public val subprotocols: List<String>,
    public val headers: Map<String, String> = emptyMap(),
) {
    override fun toString(): String = "ConnectRequest(url=$url, subprotocols=$subprotocols)"
}

/**
 * One open connection, in bytes. Used by one reader and one writer at a time; they may differ.
 *
 * Pings of the WebSocket itself are answered below this interface and never seen through it.
 */
public interface Wire {
    /** The subprotocol that the server picked, or null if it picked none. */
    public val subprotocol: String?

    /** Waits for the next message or the end. After [WireEvent.Closed] it must not be called again. */
    public suspend fun receive(): WireEvent

    /**
     * Hands one message over, in a binary frame or a text frame.
     *
     * @throws WireClosedException if the connection has ended; [receive] tells how
     */
    public suspend fun send(bytes: ByteArray, isBinary: Boolean)

    /**
     * Waits until what was sent has left for the network: this is the client's backpressure.
     *
     * @throws WireClosedException as [send]
     */
    public suspend fun flush()

    /** Says goodbye with [code] and waits for the answer, but not for long. Harmless after the end. */
    public suspend fun close(code: CloseCode, reason: String)
}

/** What comes out of a [Wire]. */
public sealed class WireEvent {
    /**
     * One message.
     *
     * @property bytes the message as the codec wrote it
     */
    public class Received(public val bytes: ByteArray) : WireEvent()

    /**
     * The connection ended.
     *
     * @property code of the close frame, [CloseCode.Abnormal] if none came
     * @property reason of the close frame, may be empty
     * @property error what broke the connection, where something is known; a [MessageTooLargeException] where it is this
     *   client that ended it
     */
    public class Closed(
        public val code: CloseCode,
        public val reason: String = "",
        public val error: Exception? = null,
    ) : WireEvent()
}

/**
 * A message was larger than this client reads.
 *
 * @property limit bytes
 */
public class MessageTooLargeException(public val limit: Int) : Exception("a message was over the limit of $limit bytes")

/** Nothing can be sent any more: the connection has ended. */
public class WireClosedException(cause: Throwable? = null) : Exception("the connection has ended", cause)

/** The server did not answer the upgrade within [after]. */
public class ConnectTimeoutException(public val after: Duration) : Exception("the server did not answer within $after")

/**
 * The server answered the upgrade with something other than a WebSocket.
 *
 * @property status the HTTP status, such as 401
 * @property reason one short line for a person: the beginning of the answer's body without markup, "redirected to" and
 *   where to, or what was wrong with the answer
 * @property retryAfter what the answer's `Retry-After` asks for, or null
 */
public class UpgradeRefusedException(
    public val status: Int,
    public val reason: String,
    public val retryAfter: Duration? = null,
) : Exception("the server answered the upgrade with HTTP $status${if (reason.isEmpty()) "" else ": $reason"}")
