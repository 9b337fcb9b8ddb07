package dev.live.test.contract

import dev.live.client.transport.Transport
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec

/**
 * A transport under test and its server, for one test of [transportContract].
 *
 * [WebSocketFixture] has a server for transports that use WebSocket. Another transport needs a fixture of its own.
 */
public interface TransportFixture : AutoCloseable {
    /** The transport. The contract closes it before it closes the fixture. */
    public val transport: Transport

    /** The codec of the messages, and the subprotocol that the server selects. */
    public val codec: Codec

    /** The target of the next connection. */
    public val url: String

    /** Waits for the next connection and returns the server's end of it. */
    public suspend fun accept(): ServerEnd

    /** Rejects all later upgrades with the HTTP [status]. */
    public fun reject(status: Int)

    /** Does not respond to later upgrades, as a server that hangs. */
    public fun ignoreUpgrades()

    /** Makes the server unreachable: all later connects fail before the upgrade. */
    public fun stopListening()
}

/** The server's end of one connection. Only used by one coroutine at a time. */
public interface ServerEnd {
    /** The value of a header of the upgrade request, or null. Ignores the case of [name]. */
    public fun header(name: String): String?

    /**
     * Waits for the next message of the client, or returns null at the end of the connection.
     *
     * @throws AssertionError if the client violated the protocol, for example with a frame of the wrong type
     */
    public suspend fun receive(): ByteArray?

    /** Sends a message in a frame of the codec's type. */
    public suspend fun send(bytes: ByteArray)

    /** Sends a close frame and ends the connection. */
    public suspend fun close(code: CloseCode, reason: String)

    /** Ends the connection without a close frame. */
    public suspend fun drop()

    /** Waits until the connection has ended. Returns the code of the client's close frame, or null if it sent none. */
    public suspend fun awaitEnd(): CloseCode?
}
