package dev.live.interop

import io.vertx.core.Vertx
import io.vertx.core.buffer.Buffer
import io.vertx.core.http.UpgradeRejectedException
import io.vertx.core.http.WebSocketClient
import io.vertx.core.http.WebSocketClientOptions
import io.vertx.core.http.WebSocketConnectOptions
import jakarta.websocket.ClientEndpointConfig
import jakarta.websocket.CloseReason
import jakarta.websocket.ContainerProvider
import jakarta.websocket.Endpoint
import jakarta.websocket.EndpointConfig
import jakarta.websocket.MessageHandler
import org.eclipse.jetty.websocket.api.Callback
import org.eclipse.jetty.websocket.api.exceptions.WebSocketException
import org.eclipse.jetty.websocket.client.ClientUpgradeRequest
import org.glassfish.tyrus.core.HandshakeException
import java.net.URI
import java.nio.ByteBuffer
import java.util.concurrent.CompletionException
import org.eclipse.jetty.websocket.api.Session as JettySession

internal class JettyClientSession(private val readLimit: Long) : JavaSession(), JettySession.Listener.AutoDemanding {
    private val client = org.eclipse.jetty.websocket.client.WebSocketClient()
    private lateinit var session: JettySession

    override fun connect(uri: URI, subprotocol: String) {
        if (readLimit > 0) client.maxTextMessageSize = readLimit
        client.start()
        client.connect(this, ClientUpgradeRequest(uri).apply { setSubProtocols(subprotocol) }).exceptionally { e ->
            val cause = if (e is CompletionException) e.cause ?: e else e
            if (cause is org.eclipse.jetty.websocket.api.exceptions.UpgradeException) {
                refused(
                    cause.responseStatusCode,
                )
            } else {
                failed(cause)
            }
            null
        }
    }

    override fun onWebSocketOpen(session: JettySession) {
        this.session = session
        opened(session.upgradeResponse.acceptedSubProtocol)
    }

    override fun onWebSocketText(message: String) = received(message)

    override fun onWebSocketBinary(payload: ByteBuffer, callback: Callback) {
        val bytes = ByteArray(payload.remaining()).also(payload::get)
        callback.succeed()
        received(bytes)
    }

    override fun onWebSocketClose(code: Int, reason: String?, callback: Callback) {
        closed(code)
        callback.succeed()
    }

    override fun onWebSocketError(cause: Throwable) {
        if (cause is WebSocketException && ::session.isInitialized) failed(cause)
    }

    override fun text(text: String) = session.sendText(text, Callback.NOOP)

    override fun binary(bytes: ByteArray) = session.sendBinary(ByteBuffer.wrap(bytes), Callback.NOOP)

    override fun end(code: Int) = session.close(code, null, Callback.NOOP)

    override fun close() = client.stop()
}

internal class VertxSession(private val readLimit: Int?) : JavaSession() {
    private val vertx = Vertx.vertx()
    private lateinit var client: WebSocketClient // referenced, because garbage collection closes a client
    private lateinit var socket: io.vertx.core.http.WebSocket

    override fun connect(uri: URI, subprotocol: String) {
        val options = WebSocketClientOptions()
        if (readLimit != null) options.setMaxMessageSize(readLimit).setMaxFrameSize(readLimit)
        val target = WebSocketConnectOptions().setHost(
            uri.host,
        ).setPort(uri.port).setURI(uri.path).addSubProtocol(subprotocol)
        client = vertx.createWebSocketClient(options)
        client.connect(target).onComplete(
            { opened ->
                socket = opened
                opened.textMessageHandler(::received)
                opened.binaryMessageHandler { received(it.bytes) }
                opened.exceptionHandler { }
                opened.closeHandler { closed(opened.closeStatusCode()?.toInt() ?: 1006) }
                opened(opened.subProtocol())
            },
            { problem -> if (problem is UpgradeRejectedException) refused(problem.status) else failed(problem) },
        )
    }

    override fun text(text: String) {
        socket.writeTextMessage(text)
    }

    override fun binary(bytes: ByteArray) {
        socket.writeBinaryMessage(Buffer.buffer(bytes))
    }

    override fun end(code: Int) {
        socket.close(code.toShort())
    }

    override fun close() {
        vertx.close()
    }
}

internal class TyrusSession : JavaSession() {
    private lateinit var session: jakarta.websocket.Session

    override fun connect(uri: URI, subprotocol: String) {
        val config = ClientEndpointConfig.Builder.create().preferredSubprotocols(listOf(subprotocol)).build()
        try {
            ContainerProvider.getWebSocketContainer().connectToServer(Peer(), config, uri)
        } catch (e: jakarta.websocket.DeploymentException) {
            val handshake = generateSequence<Throwable>(e) {
                it.cause
            }.filterIsInstance<HandshakeException>().firstOrNull()
            if (handshake != null) refused(handshake.httpStatusCode) else failed(e)
        }
    }

    override fun text(text: String) {
        session.asyncRemote.sendText(text)
    }

    override fun binary(bytes: ByteArray) {
        session.asyncRemote.sendBinary(ByteBuffer.wrap(bytes))
    }

    override fun end(code: Int) = session.close(CloseReason(CloseReason.CloseCodes.getCloseCode(code), ""))

    private inner class Peer : Endpoint() {
        override fun onOpen(opened: jakarta.websocket.Session, config: EndpointConfig) {
            session = opened
            opened.addMessageHandler(String::class.java, MessageHandler.Whole { received(it) })
            opened.addMessageHandler(ByteArray::class.java, MessageHandler.Whole { received(it) })
            opened(opened.negotiatedSubprotocol)
        }

        override fun onClose(session: jakarta.websocket.Session, reason: CloseReason) = closed(reason.closeCode.code)

        override fun onError(session: jakarta.websocket.Session, problem: Throwable) = Unit
    }
}
