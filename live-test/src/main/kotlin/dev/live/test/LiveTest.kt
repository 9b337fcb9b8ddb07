package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.LiveClientConfig
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.KtorTransport
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.LiveServer
import dev.live.server.live
import io.ktor.client.HttpClient
import io.ktor.server.application.Application
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.serialization.KSerializer
import kotlinx.serialization.serializer
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration

/** Access to a server under test. */
internal interface LiveTestHost {
    val application: Application
    val httpClient: HttpClient

    /** The HTTP client with the engine for the clients' connections. */
    val webSocketClient: HttpClient

    /** The WebSocket URL of the server, without a path. */
    val url: String
}

/**
 * The receiver of a [testLive] block: the application, its clients, and functions that wait for a condition.
 *
 * @property timeout maximum duration of each wait. A longer wait fails the test
 */
public class LiveTest internal constructor(
    private val host: LiveTestHost,
    private val path: String,
    public val timeout: Duration,
    private val scope: CoroutineScope,
) {
    private val clients = CopyOnWriteArrayList<LiveClient>()

    /** The running application under test. */
    public val application: Application get() = host.application

    /** The server side of live: sessions and topics of the application. */
    public val live: LiveServer get() = application.live

    /** An HTTP client for the application's other routes. */
    public val httpClient: HttpClient get() = host.httpClient

    /**
     * Connects a client to the endpoint at [path], which may contain a query. Returns after the session has started.
     * The client is closed when the test ends.
     *
     * ```
     * val ann = connect("/live?name=ann") { codecs(CborCodec) }
     * ```
     *
     * Use [client] for an endpoint that authenticates by message, because this function sends a ping first.
     *
     * @throws AssertionError if the client does not connect; the message contains the reason
     */
    public suspend fun connect(path: String = this.path, configure: LiveClientConfig.() -> Unit = {}): LiveClient {
        val client = client(path, configure)
        client.awaitConnected()
        try {
            // the server responds to the upgrade before the session starts
            client.requestMessage(MessageType.PING, timeout = timeout)
        } catch (e: LiveException) {
            throw AssertionError("the client connected, but its session did not start: ${client.state.value}", e)
        }
        return client
    }

    /**
     * Creates a client that starts to connect to the endpoint at [path], and returns at once. For tests of the
     * connection phase and of rejected connections. The client is closed when the test ends.
     */
    public fun client(path: String = this.path, configure: LiveClientConfig.() -> Unit = {}): LiveClient {
        val client =
            LiveClient(host.url + path) {
                httpClient = host.webSocketClient
                configure()
            }
        clients += client
        return client
    }

    /**
     * Opens a connection to the endpoint at [path] without the logic of a client, for tests of individual messages. The
     * connection is closed when the test ends.
     *
     * @param headers headers of the upgrade request
     * @throws dev.live.client.transport.UpgradeRejectedException if the server rejects the upgrade
     */
    public suspend fun connectRaw(
        path: String = this.path,
        codec: Codec = JsonCodec,
        headers: Map<String, String> = emptyMap(),
    ): RawConnection {
        val request = ConnectRequest(host.url + path, listOf(codec.subprotocol), headers)
        return openRaw(scope, KtorTransport(host.webSocketClient), request, codec, timeout)
    }

    /**
     * Waits until this client is connected. Returns at once if it already is.
     *
     * @throws AssertionError if the client does not connect within [timeout] or is closed; the message has the cause
     */
    public suspend fun LiveClient.awaitConnected() {
        val end = awaitState("is not connected") { it is ConnectionState.Connected || it is ConnectionState.Closed }
        if (end is ConnectionState.Closed) throw AssertionError("the client is closed: ${end.cause}")
    }

    /**
     * Waits until this client has lost its connection or failed to connect, and returns its state.
     *
     * @throws AssertionError if this does not happen within [timeout], or the client is closed
     */
    public suspend fun LiveClient.awaitDisconnected(): ConnectionState.Waiting {
        val end = awaitState("is not disconnected") { it is ConnectionState.Waiting || it is ConnectionState.Closed }
        return end as? ConnectionState.Waiting ?: throw AssertionError("the client is closed: $end")
    }

    /**
     * Waits until this client is closed permanently, by either side, and returns the cause.
     *
     * @throws AssertionError if this does not happen within [timeout]
     */
    public suspend fun LiveClient.awaitClosed(): DisconnectCause =
        (awaitState("is not closed") { it is ConnectionState.Closed } as ConnectionState.Closed).cause

    /**
     * Waits until [condition] is true. For asynchronous effects on the server, such as a topic's subscriber count.
     *
     * @param description names the condition in the error message
     * @throws AssertionError if the condition is not met within [timeout]
     */
    public suspend fun awaitUntil(description: String, condition: () -> Boolean): Unit =
        awaitUntil(description, timeout, condition)

    /**
     * Subscribes to [topic] and records its messages until the test ends. When this function returns, the client is
     * subscribed: all later publications are recorded. If the server rejects the subscription, [Received.next] throws
     * the server's error.
     */
    public suspend inline fun <reified T> LiveClient.received(topic: String): Received<T> = received(
        topic,
        serializer<T>(),
    )

    /** Subscribes to [topic] and records its messages, decoded with [serializer]. See the other [received]. */
    public suspend fun <T> LiveClient.received(topic: String, serializer: KSerializer<T>): Received<T> =
        record(topic(topic, serializer).messages, "'$topic'").also { awaitReplies(this) }

    /** Records all messages of [topic] undecoded, including those of application-defined types. See [received]. */
    public suspend fun LiveClient.receivedRaw(topic: String): Received<Message> =
        record(rawTopic(topic).messages, "'$topic'").also { awaitReplies(this) }

    /** Records the client's messages that belong to no collected topic and are not replies. */
    public suspend fun LiveClient.receivedDirectly(): Received<Message> =
        record(messages, "the client").also { awaitReplies(this) }

    internal suspend fun closeAll() {
        withContext(NonCancellable) { clients.forEach { it.close() } }
    }

    private fun <T> record(messages: Flow<T>, source: String): Received<T> =
        Received<T>(source, timeout).also { it.record(scope, messages) }

    /**
     * Returns when the server has handled all earlier messages of [client]; it handles the messages of a session in
     * order. Needs two pings: the first may be sent before a `subscribe` that waits for the `ack` of an `unsubscribe`.
     */
    private suspend fun awaitReplies(client: LiveClient) {
        repeat(2) { client.requestMessage(MessageType.PING, timeout = timeout) }
    }

    private suspend fun LiveClient.awaitState(problem: String, matches: (ConnectionState) -> Boolean): ConnectionState =
        withTimeoutOrNull(timeout) { state.first { matches(it) } }
            ?: throw AssertionError("the client $problem after $timeout; its state is ${state.value}")
}
