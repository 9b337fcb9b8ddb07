package dev.live.client

import dev.live.protocol.AuthData
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorCode
import dev.live.protocol.ExpiringData
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.protocol.toMessage
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCallPipeline
import io.ktor.server.application.call
import io.ktor.server.application.install
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.request.header
import io.ktor.server.response.header
import io.ktor.server.response.respondText
import io.ktor.server.routing.routing
import io.ktor.server.websocket.DefaultWebSocketServerSession
import io.ktor.server.websocket.WebSockets
import io.ktor.server.websocket.webSocket
import io.ktor.websocket.CloseReason
import io.ktor.websocket.Frame
import io.ktor.websocket.close
import kotlinx.coroutines.runBlocking
import java.util.concurrent.BlockingQueue
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.LinkedBlockingQueue

/**
 * A server on a real socket with a minimal implementation of the protocol: topics without rules, `count` and `echo`
 * requests, and an application-defined type `shout` that it echoes. Public for the tests in Java.
 */
public class TinyServer : AutoCloseable {
    private val sessions = CopyOnWriteArrayList<DefaultWebSocketServerSession>()
    private val subscriptions = ConcurrentHashMap<DefaultWebSocketServerSession, MutableSet<String>>()
    private val tokens = CopyOnWriteArrayList<String>()
    private val replies = LinkedBlockingQueue<Message>()
    private val refs = CopyOnWriteArrayList<String>()

    /** The response to every upgrade while it is not null. */
    @Volatile
    internal var rejection: Rejection? = null

    private val server: EmbeddedServer<*, *> =
        embeddedServer(Netty, port = 0) {
            intercept(ApplicationCallPipeline.Plugins) {
                val response = rejection ?: return@intercept
                response.retryAfter?.let { call.response.header(HttpHeaders.RetryAfter, it) }
                call.respondText(response.body, status = response.status)
                finish()
            }
            install(WebSockets)
            routing { webSocket("/live", protocol = "live.v1.json") { serve() } }
        }.start(wait = false)

    /** The URL of the server. */
    public val url: String = "ws://127.0.0.1:${runBlocking { server.engine.resolvedConnectors().first().port }}/live"

    /** The received `Authorization` headers and tokens of `auth` messages, in order. */
    public fun tokens(): List<String> = tokens

    /** Number of open connections. */
    public fun connections(): Int = sessions.size

    /** Number of connections that are subscribed to [topic]. */
    public fun subscribers(topic: String): Int = subscriptions.values.count { topic in it }

    /** The refs of the requests to `echo`, in order. */
    public fun refs(): List<String> = refs

    /** The replies of clients to requests of the server, in order. */
    public fun replies(): BlockingQueue<Message> = replies

    /** Closes every connection with [code]. */
    public fun closeAll(code: CloseCode): Unit =
        runBlocking { sessions.forEach { it.close(CloseReason(code.wire.toShort(), "")) } }

    /** Sends [message] to every connection. */
    public fun sendAll(message: Message): Unit = runBlocking { sessions.forEach { it.write(message) } }

    /** Notifies every connection that its token expires in [millis]. */
    public fun expireAll(millis: Long): Unit =
        sendAll(Message(MessageType.EXPIRING, body = Body.of(ExpiringData(millis))))

    override fun close(): Unit = server.stop(gracePeriodMillis = 0, timeoutMillis = 1000)

    private suspend fun DefaultWebSocketServerSession.serve() {
        tokens += call.request.header(HttpHeaders.Authorization).orEmpty()
        sessions += this
        subscriptions[this] = ConcurrentHashMap.newKeySet()
        try {
            for (frame in incoming) handle(codec.decode(frame.data))
        } finally {
            sessions -= this
            subscriptions.remove(this)
        }
    }

    private suspend fun DefaultWebSocketServerSession.handle(message: Message) {
        val topics = subscriptions.getValue(this)
        if (message.type == "echo") refs += message.ref
        when (message.type) {
            MessageType.SUBSCRIBE ->
                if (message.topic == "secret") {
                    write(LiveException(ErrorCode.Forbidden, "not for you").toMessage(message.topic, message.ref))
                } else {
                    topics += message.topic
                    write(Message(MessageType.ACK, ref = message.ref))
                }
            MessageType.UNSUBSCRIBE -> {
                topics -= message.topic
                write(Message(MessageType.ACK, ref = message.ref))
            }
            MessageType.PUBLISH -> {
                write(Message(MessageType.ACK, ref = message.ref))
                val published = Message(MessageType.MESSAGE, message.topic, body = message.body)
                sessions.filter { message.topic in subscriptions[it].orEmpty() }.forEach { it.write(published) }
            }
            MessageType.AUTH -> {
                tokens += message.decode<AuthData>().token
                write(Message(MessageType.ACK, ref = message.ref))
            }
            MessageType.PING -> write(Message(MessageType.PONG, ref = message.ref))
            "count" -> write(Message(MessageType.REPLY, ref = message.ref, body = Body.json("7")))
            MessageType.REPLY, MessageType.ERROR -> replies += message
            "echo" -> write(Message(MessageType.REPLY, ref = message.ref, body = message.body))
            "shout" -> write(message)
            else -> write(
                LiveException(ErrorCode.UnknownType, "no handler for ${message.type}").toMessage(ref = message.ref),
            )
        }
    }

    private suspend fun DefaultWebSocketServerSession.write(message: Message): Unit =
        outgoing.send(Frame.Text(fin = true, codec.encode(message)))

    private companion object {
        val codec: Codec = JsonCodec
    }
}

internal class Rejection(val status: HttpStatusCode, val body: String = "", val retryAfter: String? = null)
