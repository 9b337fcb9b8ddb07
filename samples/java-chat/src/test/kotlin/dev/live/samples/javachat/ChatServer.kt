package dev.live.samples.javachat

import dev.live.protocol.CloseCode
import dev.live.samples.chat.Chat
import dev.live.samples.chat.chat
import dev.live.samples.shared.guestName
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** A server on a real socket for the Java tests. */
class ChatServer private constructor(
    private val pending: CountDownLatch,
    module: Application.() -> Unit,
) : AutoCloseable {
    private val server = embeddedServer(Netty, port = 0, host = "127.0.0.1", module = module).start(wait = false)
    private val port = runBlocking { server.engine.resolvedConnectors().single().port }
    private val live get() = server.application.live

    fun urlFor(name: String): String = "ws://127.0.0.1:$port/live?name=$name"

    /** Closes every connection; the clients reconnect. */
    fun disconnect(): Unit = live.sessions.forEach { it.close(CloseCode.GoingAway) }

    fun kick(reason: String): Unit = live.sessions.forEach { it.kick(reason) }

    fun send(text: String): Unit = runBlocking { live.topic("room/lobby").publish(Chat(text, "server")) }

    /** Waits until a client has published "hang". */
    fun awaitPendingPublish(): Unit =
        check(pending.await(2, TimeUnit.MINUTES)) { "no client published hang within 2 min" }

    override fun close(): Unit = server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)

    companion object {
        /** The server of samples/chat. */
        @JvmStatic
        fun ofTheSample(): ChatServer = ChatServer(CountDownLatch(0), Application::chat)

        /** A server with a history that never acknowledges the message "hang". */
        @JvmStatic
        fun withHistory(): ChatServer {
            val pending = CountDownLatch(1)
            return ChatServer(pending) { chatWithHistory(pending) }
        }
    }
}

private fun Application.chatWithHistory(pending: CountDownLatch) {
    install(Live)
    routing {
        live<String>("/live") {
            authenticate { call -> call.guestName() }
            topic<Chat>("room/{room}") {
                history(size = 10)
                onPublish { chat ->
                    if (chat.text == "hang") {
                        pending.countDown()
                        awaitCancellation()
                    }
                    broadcast(Chat(chat.text, meta))
                }
            }
        }
    }
}
