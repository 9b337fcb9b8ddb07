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

/** What a server under test is reached through. */
internal interface LiveTestHost {
    val application: Application
    val httpClient: HttpClient

    /** Whose engine the clients connect with. */
    val webSocketClient: HttpClient

    /** Of the server, without a path. */
    val url: String
}

/**
 * What the block of [testLive] has at hand: the application, its clients, and waits that end with what they wait for.
 *
 * @property timeout how long each wait may take before it fails the test
 */
public class LiveTest internal constructor(
    private val host: LiveTestHost,
    private val path: String,
    public val timeout: Duration,
    private val scope: CoroutineScope,
) {
    private val clients = CopyOnWriteArrayList<LiveClient>()

    /** The application under test, which is running. */
    public val application: Application get() = host.application

    /** The application's side of `live`: its sessions and topics. */
    public val live: LiveServer get() = application.live

    /** A client for the application's ordinary routes. */
    public val httpClient: HttpClient get() = host.httpClient

    /**
     * A client that is connected to the endpoint at [path], which may carry a query. Its session has begun, and it is
     * closed when the test ends.
     *
     * ```
     * val ann = connect("/live?name=ann") { codecs(CborCodec) }
     * ```
     *
     * Where the token comes in a message, nothing can be said before that: use [client] there.
     *
     * @throws AssertionError if it does not get connected; the message says why
     */
    public suspend fun connect(path: String = this.path, configure: LiveClientConfig.() -> Unit = {}): LiveClient {
        val client = client(path, configure)
        client.awaitConnected()
        try {
            // the upgrade is answered before there is a session
            client.requestMessage(MessageType.PING, timeout = timeout)
        } catch (e: LiveException) {
            throw AssertionError("the client was connected, and then: ${client.state.value}", e)
        }
        return client
    }

    /**
     * A client that has only begun to connect to the endpoint at [path]: for tests of what comes before a connection,
     * or in place of one. It is closed when the test ends.
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
     * A connection to the endpoint at [path] without a client's own logic: for tests of the messages themselves. It
     * ends with the test.
     *
     * @param headers of the upgrade
     * @throws dev.live.client.transport.UpgradeRefusedException if the server refuses
     */
    public suspend fun connectRaw(
        path: String = this.path,
        codec: Codec = JsonCodec,
        headers: Map<String, String> = emptyMap(),
    ): RawConnection {
        val request = ConnectRequest(host.url + path, listOf(codec.subprotocol), headers)
        return openRaw(scope, KtorTransport(host.webSocketClient), request, codec, timeout)
    }

    /** Waits until this client is connected, which it may be already. */
    public suspend fun LiveClient.awaitConnected() {
        val end = awaitState("is not connected") { it is ConnectionState.Connected || it is ConnectionState.Closed }
        if (end is ConnectionState.Closed) throw AssertionError("the client is closed: ${end.cause}")
    }

    /** Waits until this client has lost its connection, or failed to get one, and returns the wait for the next. */
    public suspend fun LiveClient.awaitDisconnected(): ConnectionState.Waiting {
        val end = awaitState("is not disconnected") { it is ConnectionState.Waiting || it is ConnectionState.Closed }
        return end as? ConnectionState.Waiting ?: throw AssertionError("the client is closed: $end")
    }

    /** Waits until this client is closed for good, by whomever, and returns why. */
    public suspend fun LiveClient.awaitClosed(): DisconnectCause =
        (awaitState("is not closed") { it is ConnectionState.Closed } as ConnectionState.Closed).cause

    /** Waits until [condition] holds, for what the server does a moment later, such as a topic's subscribers. */
    public suspend fun awaitUntil(what: String, condition: () -> Boolean): Unit = awaitUntil(what, timeout, condition)

    /**
     * Subscribes to [topic] and records what is published to it, until the test ends. When this returns, the server
     * has joined the client: whatever is published from then on is recorded. If the server refuses,
     * [Received.next] throws its error.
     */
    public suspend inline fun <reified T> LiveClient.received(topic: String): Received<T> = received(
        topic,
        serializer<T>(),
    )

    /** Records what is published to [topic], as [serializer] reads it; see the other [received]. */
    public suspend fun <T> LiveClient.received(topic: String, serializer: KSerializer<T>): Received<T> =
        record(topic(topic, serializer).messages, "'$topic'").also { awaitAnswers(this) }

    /** Records every message of [topic] as it came, those of the application's own types too; see [received]. */
    public suspend fun LiveClient.receivedRaw(topic: String): Received<Message> =
        record(rawTopic(topic).messages, "'$topic'").also { awaitAnswers(this) }

    /** Records the messages that are of no topic that this client collects and answer nothing. */
    public suspend fun LiveClient.receivedDirectly(): Received<Message> =
        record(messages, "the client").also { awaitAnswers(this) }

    internal suspend fun closeAll() {
        withContext(NonCancellable) { clients.forEach { it.close() } }
    }

    private fun <T> record(messages: Flow<T>, source: String): Received<T> =
        Received<T>(source, timeout).also { it.record(scope, messages) }

    /**
     * Returns when the server has handled all that the client had to say, for a session is handled in order. Twice: the
     * first ping may stand before a `subscribe` that waits for the answer to an `unsubscribe`.
     */
    private suspend fun awaitAnswers(client: LiveClient) {
        repeat(2) { client.requestMessage(MessageType.PING, timeout = timeout) }
    }

    private suspend fun LiveClient.awaitState(what: String, isWanted: (ConnectionState) -> Boolean): ConnectionState =
        withTimeoutOrNull(timeout) { state.first { isWanted(it) } }
            ?: throw AssertionError("after $timeout the client $what, but ${state.value}")
}
