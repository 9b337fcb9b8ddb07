package dev.live.samples.tutorial

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ExponentialBackoff
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.samples.tutorial.history.Chat
import dev.live.samples.tutorial.history.chat
import dev.live.samples.tutorial.tokens.liveClient
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.client.HttpClient
import io.ktor.client.request.forms.submitForm
import io.ktor.http.HttpStatusCode
import io.ktor.http.parameters
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.consumeAsFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.net.ServerSocket
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** Steps 5 and 7 of the tutorial: the server is a process with its `application.yaml`, as it is deployed. */
class DeployedChatTest : FunSpec({

    test("a client that logs in chats, and continues after a restart of the server with a notice") {
        val port = ServerSocket(0).use { it.localPort }
        HttpClient().use { http ->
            var server = ChatProcess(port)
            val live = liveClient("http://localhost:$port", http, "ann", "apple")
            try {
                live.awaitConnected()
                val typed = Channel<String>(Channel.UNLIMITED)
                val shown = Channel<String>(Channel.UNLIMITED)
                coroutineScope {
                    launch { chat(live, "admins", typed.consumeAsFlow()) { shown.trySend(it) } }
                    typed.send("one")
                    shown.next() shouldBe "ann: one"

                    server.stop()
                    server = ChatProcess(port)

                    shown.next() shouldBe "* messages may be missing"
                    typed.send("two")
                    shown.next() shouldBe "ann: two"
                    typed.close()
                }
            } finally {
                live.close()
                server.stop()
            }
        }
    }

    test("logins without a valid password and subscribes without permission are rejected") {
        val port = ServerSocket(0).use { it.localPort }
        val server = ChatProcess(port)
        HttpClient().use { http ->
            val stranger = liveClient("http://localhost:$port", http, "ann", "pear")
            val bob = liveClient("http://localhost:$port", http, "bob", "banana")
            try {
                bob.awaitConnected()

                val refused = shouldThrow<LiveException> { bob.topic<Chat>("room/admins").messages.first() }

                refused.code shouldBe ErrorCode.Forbidden
                val unknownUser = parameters { append("name", "eve") }
                http.submitForm("http://localhost:$port/login", unknownUser).status shouldBe HttpStatusCode.Unauthorized
                val waiting = withTimeout(HANG) { stranger.state.first { it is ConnectionState.Waiting } }
                (waiting as ConnectionState.Waiting).cause.shouldBeInstanceOf<DisconnectCause.NoToken>()
            } finally {
                stranger.close()
                bob.close()
                server.stop()
            }
        }
    }
})

private val HANG = 2.minutes

private suspend fun Channel<String>.next(): String = withTimeout(HANG) { receive() }

private suspend fun LiveClient.awaitConnected() {
    withTimeout(HANG) { state.first { it is ConnectionState.Connected } }
}

/** The server of the tutorial on [port], in a process of its own, until [stop]. */
private class ChatProcess(port: Int) {
    private val process =
        ProcessBuilder(
            "${System.getProperty("java.home")}/bin/java",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.live.samples.tutorial.tokens.ChatKt",
        ).apply { environment() += mapOf("PORT" to "$port", "CHAT_SECRET" to "of a test") }
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()

    /** SIGTERM, as a deploy does it: the server drains. */
    fun stop() {
        process.destroy()
        if (!process.waitFor(1, TimeUnit.MINUTES)) process.destroyForcibly()
    }
}
