package dev.live.client.transport

import dev.live.protocol.CloseCode
import kotlin.time.Duration

/**
 * Opens connections to the server, one at a time.
 *
 * [KtorTransport] is the implementation for production; tests use their own. `transportContract` in `live-test` has the
 * tests that every implementation must pass.
 */
public interface Transport {
    /**
     * Connects, runs [use] with the open connection and returns its result.
     *
     * The connection is open while [use] runs. When [use] returns, fails or is cancelled, the connection is closed
     * and its resources are released.
     *
     * @throws UpgradeRejectedException if the server rejected the upgrade; any other exception before the call of [use]
     *   means that the server is unreachable
     */
    public suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R

    /** Releases resources that all connections share. Called once, after the last connection. */
    public fun close()
}

/**
 * Parameters of a connection.
 *
 * @property url target URL, `ws://` or `wss://`
 * @property subprotocols offered subprotocols, in order of preference
 * @property headers headers of the upgrade request; they may contain a token, so [toString] omits them
 */
public class ConnectRequest(
    public val url: String,
    public val subprotocols: List<String>,
    public val headers: Map<String, String> = emptyMap(),
) {
    override fun toString(): String = "ConnectRequest(url=$url, subprotocols=$subprotocols)"
}

/**
 * An open connection that transfers bytes. Used by one reader and one writer at a time, which may be different
 * coroutines.
 *
 * WebSocket pings are handled below this interface and are not visible through it.
 */
public interface Wire {
    /** The subprotocol that the server selected, or null if it selected none. */
    public val subprotocol: String?

    /** Waits for the next message or the end of the connection. Must not be called again after [WireEvent.Closed]. */
    public suspend fun receive(): WireEvent

    /**
     * Sends one message in a binary or text frame.
     *
     * @throws WireClosedException if the connection is closed; [receive] returns the cause
     */
    public suspend fun send(bytes: ByteArray, isBinary: Boolean)

    /**
     * Waits until all sent messages are written to the network. This is the client's backpressure.
     *
     * @throws WireClosedException if the connection is closed
     */
    public suspend fun flush()

    /** Sends a close frame with [code] and waits briefly for the server's. No effect if the connection is closed. */
    public suspend fun close(code: CloseCode, reason: String)
}

/** A result of [Wire.receive]. */
public sealed class WireEvent {
    /**
     * A message arrived.
     *
     * @property bytes the encoded message
     */
    public class Received(public val bytes: ByteArray) : WireEvent()

    /**
     * The connection ended.
     *
     * @property code code of the close frame; [CloseCode.Abnormal] if there was none
     * @property reason reason of the close frame, may be empty
     * @property error the cause of a broken connection, if known; a [MessageTooLargeException] if this client closed it
     */
    public class Closed(
        public val code: CloseCode,
        public val reason: String = "",
        public val error: Exception? = null,
    ) : WireEvent()
}

/**
 * A received message exceeded the client's `maxMessageSize`.
 *
 * @property limit maximum size in bytes
 */
public class MessageTooLargeException(public val limit: Int) : Exception("a message exceeded the limit of $limit bytes")

/** The connection is closed, so messages can no longer be sent. */
public class WireClosedException(cause: Throwable? = null) : Exception("the connection is closed", cause)

/**
 * The server did not respond to the upgrade in time.
 *
 * @property after the time limit
 */
public class ConnectTimeoutException(public val after: Duration) : Exception("the server did not respond within $after")

/**
 * The server rejected the WebSocket upgrade.
 *
 * @property status HTTP status of the response, such as 401
 * @property reason one short line: the beginning of the response body without markup, "redirected to" and the target,
 *   or an error in the response
 * @property retryAfter the `Retry-After` of the response, or null
 */
public class UpgradeRejectedException(
    public val status: Int,
    public val reason: String,
    public val retryAfter: Duration? = null,
) : Exception("the server responded to the upgrade with HTTP $status${if (reason.isEmpty()) "" else ": $reason"}")
