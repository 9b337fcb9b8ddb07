package dev.live.interop

import com.neovisionaries.ws.client.OpeningHandshakeException
import com.neovisionaries.ws.client.WebSocketAdapter
import com.neovisionaries.ws.client.WebSocketFactory
import com.neovisionaries.ws.client.WebSocketFrame
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocketListener
import okio.ByteString
import okio.ByteString.Companion.toByteString
import org.java_websocket.drafts.Draft_6455
import org.java_websocket.handshake.ServerHandshake
import org.java_websocket.protocols.Protocol
import java.io.ByteArrayOutputStream
import java.net.URI
import java.net.http.HttpClient
import java.net.http.WebSocketHandshakeException
import java.nio.ByteBuffer
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionException
import java.util.concurrent.CompletionStage
import org.java_websocket.client.WebSocketClient as JavaWebSocketClient

internal class JdkSession : JavaSession() {
    private lateinit var socket: java.net.http.WebSocket
    private val text = StringBuilder()
    private val bytes = ByteArrayOutputStream()

    /** Completed when the last frame is sent: a frame that is sent before fails with "Send pending". */
    private var sent: CompletableFuture<java.net.http.WebSocket>? = null

    override fun connect(uri: URI, subprotocol: String) {
        HttpClient.newHttpClient().newWebSocketBuilder().subprotocols(
            subprotocol,
        ).buildAsync(uri, Listener()).whenComplete {
            _,
            e,
            ->
            when (val cause = if (e is CompletionException) e.cause else e) {
                null -> Unit
                is WebSocketHandshakeException -> refused(cause.response.statusCode())
                else -> failed(cause)
            }
        }
    }

    override fun text(text: String) = send { it.sendText(text, true) }

    override fun binary(bytes: ByteArray) = send { it.sendBinary(ByteBuffer.wrap(bytes), true) }

    override fun end(code: Int) = send { it.sendClose(code, "") }

    /** Called by the listener, one call at a time. The reply to a frame can arrive before the frame counts as sent. */
    private fun send(send: (java.net.http.WebSocket) -> CompletableFuture<java.net.http.WebSocket>) {
        val next = sent?.thenCompose { send(it) } ?: send(socket)
        sent = next.whenComplete { _, e -> if (e != null) failed(e) }
    }

    private inner class Listener : java.net.http.WebSocket.Listener {
        override fun onOpen(opened: java.net.http.WebSocket) {
            socket = opened
            opened(opened.subprotocol)
            opened.request(1)
        }

        override fun onText(socket: java.net.http.WebSocket, data: CharSequence, last: Boolean): CompletionStage<*>? {
            text.append(data)
            if (last) received(text.toString().also { text.clear() })
            socket.request(1)
            return null
        }

        override fun onBinary(socket: java.net.http.WebSocket, data: ByteBuffer, last: Boolean): CompletionStage<*>? {
            bytes.write(ByteArray(data.remaining()).also(data::get))
            if (last) received(bytes.toByteArray().also { bytes.reset() })
            socket.request(1)
            return null
        }

        override fun onClose(socket: java.net.http.WebSocket, code: Int, reason: String): CompletionStage<*>? {
            closed(code)
            return null
        }

        override fun onError(socket: java.net.http.WebSocket, error: Throwable) = failed(error)
    }
}

internal class JavaWebSocketSession : JavaSession() {
    private lateinit var client: JavaWebSocketClient

    override fun connect(uri: URI, subprotocol: String) {
        client =
            object : JavaWebSocketClient(uri, Draft_6455(emptyList(), listOf(Protocol(subprotocol)))) {
                override fun onOpen(handshake: ServerHandshake) = opened(protocol.providedProtocol)

                override fun onMessage(message: String) = received(message)

                override fun onMessage(bytes: ByteBuffer) = received(ByteArray(bytes.remaining()).also(bytes::get))

                override fun onClose(code: Int, reason: String, remote: Boolean) {
                    val status = Regex("""status code received: (\d+)""").find(reason)?.groupValues?.get(1)
                    if (status != null) refused(status.toInt()) else closed(code)
                }

                override fun onError(problem: Exception) = Unit
            }
        client.connect()
    }

    override fun text(text: String) = client.send(text)

    override fun binary(bytes: ByteArray) = client.send(bytes)

    override fun end(code: Int) = client.close(code)
}

internal class OkHttpSession : JavaSession() {
    private val client = OkHttpClient()
    private lateinit var socket: okhttp3.WebSocket

    override fun connect(uri: URI, subprotocol: String) {
        val request = Request.Builder().url(uri.toString()).header("Sec-WebSocket-Protocol", subprotocol).build()
        client.newWebSocket(request, Listener())
    }

    override fun text(text: String) {
        socket.send(text)
    }

    override fun binary(bytes: ByteArray) {
        socket.send(bytes.toByteString())
    }

    override fun end(code: Int) {
        socket.close(code, null)
    }

    override fun close() = client.dispatcher.executorService.shutdown()

    private inner class Listener : WebSocketListener() {
        override fun onOpen(webSocket: okhttp3.WebSocket, response: Response) {
            socket = webSocket
            opened(response.header("Sec-WebSocket-Protocol"))
        }

        override fun onMessage(webSocket: okhttp3.WebSocket, text: String) = received(text)

        override fun onMessage(webSocket: okhttp3.WebSocket, bytes: ByteString) = received(bytes.toByteArray())

        override fun onClosing(webSocket: okhttp3.WebSocket, code: Int, reason: String) {
            webSocket.close(code, null)
        }

        override fun onClosed(webSocket: okhttp3.WebSocket, code: Int, reason: String) = closed(code)

        override fun onFailure(webSocket: okhttp3.WebSocket, t: Throwable, response: Response?) =
            if (response == null) failed(t) else refused(response.code)
    }
}

internal class NvSession : JavaSession() {
    private lateinit var socket: com.neovisionaries.ws.client.WebSocket

    override fun connect(uri: URI, subprotocol: String) {
        socket = WebSocketFactory().createSocket(uri).addProtocol(subprotocol).addListener(Listener())
        try {
            socket.connect()
        } catch (e: OpeningHandshakeException) {
            refused(e.statusLine.statusCode)
        }
    }

    override fun text(text: String) {
        socket.sendText(text)
    }

    override fun binary(bytes: ByteArray) {
        socket.sendBinary(bytes)
    }

    override fun end(code: Int) {
        socket.disconnect(code)
    }

    private inner class Listener : WebSocketAdapter() {
        override fun onConnected(
            websocket: com.neovisionaries.ws.client.WebSocket,
            headers: Map<String, List<String>>,
        ) =
            opened(websocket.agreedProtocol)

        override fun onTextMessage(websocket: com.neovisionaries.ws.client.WebSocket, text: String) = received(text)

        override fun onBinaryMessage(websocket: com.neovisionaries.ws.client.WebSocket, binary: ByteArray) = received(
            binary,
        )

        override fun onDisconnected(
            websocket: com.neovisionaries.ws.client.WebSocket,
            serverCloseFrame: WebSocketFrame?,
            clientCloseFrame: WebSocketFrame?,
            closedByServer: Boolean,
        ) = closed(serverCloseFrame?.closeCode ?: 1006)
    }
}
