package dev.live.server.support

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withTimeout
import java.io.ByteArrayOutputStream
import java.net.URI
import java.net.http.HttpClient
import java.net.http.WebSocket
import java.nio.ByteBuffer
import java.util.concurrent.CompletionStage

/** The JDK's WebSocket client, without code of live. Unless [reading], it takes no bytes from the socket. */
internal class PlainClient private constructor(private val reading: Boolean) : WebSocket.Listener {
    private lateinit var socket: WebSocket
    private val received = Channel<ByteArray>(Channel.UNLIMITED)
    private val ended = CompletableDeferred<Pair<Int, String>>()
    private val partial = ByteArrayOutputStream()

    val subprotocol: String get() = socket.subprotocol

    suspend fun send(text: String) {
        socket.sendText(text, true).await()
    }

    suspend fun send(bytes: ByteArray) {
        socket.sendBinary(ByteBuffer.wrap(bytes), true).await()
    }

    suspend fun ping() {
        socket.sendPing(ByteBuffer.wrap(byteArrayOf(1, 2, 3))).await()
    }

    /** The next message as text. */
    suspend fun next(): String = nextBytes().decodeToString()

    suspend fun nextBytes(): ByteArray = withTimeout(HANG_TIMEOUT) { received.receive() }

    /** Sends [text] and returns the next message. */
    suspend fun ask(text: String): String {
        send(text)
        return next()
    }

    /** Messages that have arrived and were not returned yet. */
    fun drain(): List<String> = generateSequence {
        received.tryReceive().getOrNull()
    }.map { it.decodeToString() }.toList()

    /** Code and reason of the server's close frame; 1006 if the connection was lost. */
    suspend fun closed(): Pair<Int, String> = withTimeout(HANG_TIMEOUT) { ended.await() }

    suspend fun close(code: Int = 1000, reason: String = "") {
        socket.sendClose(code, reason).await()
    }

    /** Drops the connection without a close frame. */
    fun abort() = socket.abort()

    /** Reads [count] messages from the socket, for a client that is not reading. */
    fun read(count: Long) = socket.request(count)

    override fun onOpen(webSocket: WebSocket) {
        if (reading) webSocket.request(1)
    }

    override fun onText(webSocket: WebSocket, data: CharSequence, last: Boolean): CompletionStage<*>? {
        partial.writeBytes(data.toString().toByteArray())
        return delivered(webSocket, last)
    }

    override fun onBinary(webSocket: WebSocket, data: ByteBuffer, last: Boolean): CompletionStage<*>? {
        partial.writeBytes(ByteArray(data.remaining()).also(data::get))
        return delivered(webSocket, last)
    }

    private fun delivered(webSocket: WebSocket, last: Boolean): CompletionStage<*>? {
        if (last) {
            received.trySend(partial.toByteArray())
            partial.reset()
        }
        if (reading || !last) webSocket.request(1)
        return null
    }

    override fun onClose(webSocket: WebSocket, statusCode: Int, reason: String): CompletionStage<*>? {
        ended.complete(statusCode to reason)
        received.close()
        return null
    }

    override fun onError(webSocket: WebSocket?, error: Throwable) {
        ended.complete(1006 to error.toString())
        received.close()
    }

    companion object {
        private val http: HttpClient = HttpClient.newHttpClient()

        suspend fun connect(
            url: String,
            vararg subprotocols: String,
            headers: Map<String, String> = emptyMap(),
            reading: Boolean = true,
        ): PlainClient {
            val client = PlainClient(reading)
            val builder = http.newWebSocketBuilder()
            headers.forEach { (name, value) -> builder.header(name, value) }
            if (subprotocols.isNotEmpty()) builder.subprotocols(subprotocols[0], *subprotocols.drop(1).toTypedArray())
            client.socket = builder.buildAsync(URI(url), client).await()
            return client
        }
    }
}
