package dev.live.sync.server

import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.support.HANG_TIMEOUT
import dev.live.sync.support.cursorOf
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.delay
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withTimeout
import java.net.URI
import java.net.http.HttpClient
import java.net.http.WebSocket
import java.util.concurrent.CompletionStage
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds

/** Uses a real socket, because the in-memory network of other tests never fills up. */
class SlowSignalReaderTest : FunSpec({

    test("a client that stops reading receives only the newest cursors later, and is not closed") {
        lateinit var sync: LiveSyncNotifier
        lateinit var application: Application
        val server =
            embeddedServer(Netty, port = 0, host = "127.0.0.1") {
                application = this
                install(Live) {
                    session { writeTimeout = 1.hours }
                    heartbeat { timeout = 2.hours }
                }
                sync = LiveSyncNotifier(live, 1.milliseconds)
                routing { live<Unit>("/live") { declareScopes(sync, { _, _ -> true }, {}) } }
            }.startSuspend(wait = false)
        try {
            val client = SignalReader.connect(server.engine.resolvedConnectors().first().port)
            val scopes = List(50) { "list/$it".padEnd(LONG_NAME, '-') } // long, so that few signals fill the buffers
            for (scope in scopes) client.send(Message(MessageType.SUBSCRIBE, "sync:$scope", scope.take(7)))
            val topics = scopes.map { application.live.topic("sync:$it") }
            withTimeout(HANG_TIMEOUT) { while (topics.any { it.subscribers == 0 }) delay(1.milliseconds) }

            var cursor = 0uL
            withTimeout(HANG_TIMEOUT) {
                while (topics.sumOf { it.drops.conflated } < 100) { // until the queue and the socket buffers are full
                    cursor++
                    for (scope in scopes) sync.notify(scope, cursor)
                    delay(1.milliseconds) // the notifier's interval
                }
            }
            client.read()

            val newest = HashMap<String, ULong>()
            while (scopes.any { newest["sync:$it"] != cursor }) client.next().let { newest[it.topic] = cursorOf(it) }
            application.live.sessions.size shouldBe 1
        } finally {
            server.stopSuspend(0, 0)
        }
    }
})

/** A client that reads nothing until [read]: the JDK's WebSocket reads only requested messages. */
private class SignalReader : WebSocket.Listener {
    private val received = LinkedBlockingQueue<Message>()
    private val text = StringBuilder()
    private lateinit var socket: WebSocket

    override fun onOpen(socket: WebSocket) {
        this.socket = socket // requests no message
    }

    override fun onText(socket: WebSocket, data: CharSequence, last: Boolean): CompletionStage<*>? {
        text.append(data)
        if (last) {
            received += JsonCodec.decode(text.toString().encodeToByteArray())
            text.clear()
        }
        return null
    }

    suspend fun send(message: Message) {
        socket.sendText(JsonCodec.encode(message).decodeToString(), true).await()
    }

    fun read(): Unit = socket.request(Long.MAX_VALUE)

    /** Returns the next signal; skips acks. */
    fun next(): Message {
        while (true) {
            val next = received.poll(HANG_TIMEOUT.inWholeSeconds, TimeUnit.SECONDS) ?: error("no more messages")
            if (next.type != MessageType.ACK) return next
        }
    }

    companion object {
        suspend fun connect(port: Int): SignalReader {
            val reader = SignalReader()
            HttpClient.newHttpClient().newWebSocketBuilder().subprotocols(JsonCodec.subprotocol)
                .buildAsync(URI("ws://127.0.0.1:$port/live"), reader).await()
            return reader
        }
    }
}

private const val LONG_NAME = 240
