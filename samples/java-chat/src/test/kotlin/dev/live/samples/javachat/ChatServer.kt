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

/** A server on a real socket for tests in Java. */
class ChatServer private constructor(
    private val unanswered: CountDownLatch,
    module: Application.() -> Unit,
) : AutoCloseable {
    private val server = embeddedServer(Netty, port = 0, host = "127.0.0.1", module = module).start(wait = false)
    private val port = runBlocking { server.engine.resolvedConnectors().single().port }
    private val live get() = server.application.live

    fun urlFor(name: String): String = "ws://127.0.0.1:$port/live?name=$name"

    /** Breaks every connection; the clients come back. */
    fun disconnect(): Unit = live.sessions.forEach { it.close(CloseCode.GoingAway) }

    fun kick(reason: String): Unit = live.sessions.forEach { it.kick(reason) }

    fun say(text: String): Unit = runBlocking { live.topic("room/lobby").publish(Chat(text, "server")) }

    /** Waits until somebody has said "hm". */
    fun awaitUnanswered(): Unit = check(unanswered.await(2, TimeUnit.MINUTES)) { "nobody said hm within 2 min" }

    override fun close(): Unit = server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)

    companion object {
        /** That of samples/chat. */
        @JvmStatic
        fun ofTheSample(): ChatServer = ChatServer(CountDownLatch(0), Application::chat)

        /** One that keeps what is said, and never answers who says "hm". */
        @JvmStatic
        fun withHistory(): ChatServer {
            val unanswered = CountDownLatch(1)
            return ChatServer(unanswered) { chatWithHistory(unanswered) }
        }
    }
}

private fun Application.chatWithHistory(unanswered: CountDownLatch) {
    install(Live)
    routing {
        live<String>("/live") {
            authenticate { call -> call.guestName() }
            topic<Chat>("room/{room}") {
                history(size = 10)
                onPublish { chat ->
                    if (chat.text == "hm") {
                        unanswered.countDown()
                        awaitCancellation()
                    }
                    broadcast(Chat(chat.text, meta))
                }
            }
        }
    }
}
