package dev.live.client.transport

import dev.live.client.Engine
import dev.live.client.HANG_TIMEOUT
import dev.live.client.Rejection
import dev.live.client.TinyServer
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.core.spec.style.scopes.FunSpecContainerScope
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.http.HttpStatusCode
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.net.ServerSocket
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The behavior beyond the contract of a transport, which `live-test` runs on the same engines. */
class KtorTransportTest : FunSpec({

    for (engine in Engine.entries) {
        context("on ${engine.name}") { testsForEngine(engine) }
    }

    test("the application's HttpClient is used and stays open") {
        HttpClient(CIO).use { httpClient ->
            TinyServer().use { server ->
                KtorTransport(httpClient).useAndClose { transport ->
                    transport.connect(server.request()) { it.subprotocol } shouldBe "live.v1.json"
                }
            }

            httpClient.isActive shouldBe true
            httpClient.engine.isActive shouldBe true
        }
    }

    for (ending in listOf("left", "cancelled")) {
        test("on Ktor's Java engine each of 2,000 connections is closed when it is $ending") {
            withServer(Engine.Java) { server, transport ->
                repeat(40) {
                    coroutineScope {
                        repeat(50) {
                            val opened = CompletableDeferred<Unit>()
                            val client =
                                launch(Dispatchers.Default) {
                                    transport.connect(server.request()) {
                                        opened.complete(Unit)
                                        if (ending == "cancelled") awaitCancellation()
                                    }
                                }
                            launch {
                                opened.await()
                                if (ending == "cancelled") client.cancel()
                            }
                        }
                    }
                }

                eventually(HANG_TIMEOUT) { server.connections() shouldBe 0 }
            }
        }
    }

    test("invalid settings are rejected with the value") {
        shouldThrow<IllegalArgumentException> { KtorTransport(maxMessageSize = 0) }.message shouldBe
            "maxMessageSize must be at least 1 byte, was 0"
        shouldThrow<IllegalArgumentException> { KtorTransport(connectTimeout = 0.seconds) }.message shouldBe
            "connectTimeout must be positive, was 0s"
    }
})

private suspend fun FunSpecContainerScope.testsForEngine(engine: Engine) {
    test("a message over the limit ends the connection with TooLarge") {
        withServer(engine, maxMessageSize = 100) { server, transport ->
            val end =
                transport.connect(server.request()) { wire ->
                    eventually(HANG_TIMEOUT) { server.connections() shouldBe 1 }
                    server.sendAll(Message("x".repeat(64), topic = "y".repeat(200)))
                    wire.receive()
                }

            end.shouldBeInstanceOf<WireEvent.Closed>().code shouldBe CloseCode.TooLarge
        }
    }

    test("a rejected upgrade has its status and, if the engine provides them, its reason and Retry-After") {
        withServer(engine) { server, transport ->
            server.rejection = Rejection(HttpStatusCode.ServiceUnavailable, "over the limit\nmore", retryAfter = "7")

            val rejected = shouldThrow<UpgradeRejectedException> { transport.connect(server.request()) { } }

            rejected.status shouldBe 503
            rejected.reason shouldBe if (engine.readsRejections) "over the limit" else "Service Unavailable"
            rejected.retryAfter shouldBe 7.seconds.takeIf { engine.readsRejections }
        }
    }

    test("an upgrade without a response fails after the timeout") {
        ServerSocket(0).use { socket ->
            withTransport(engine, connectTimeout = 50.milliseconds) { transport ->
                val request = ConnectRequest("ws://127.0.0.1:${socket.localPort}/live", listOf("live.v1.json"))

                shouldThrow<ConnectTimeoutException> { transport.connect(request) { } }.after shouldBe 50.milliseconds
            }
        }
    }
}

private suspend fun withServer(
    engine: Engine,
    maxMessageSize: Int = 1024,
    block: suspend (TinyServer, KtorTransport) -> Unit,
) {
    TinyServer().use { server ->
        withTransport(engine, maxMessageSize = maxMessageSize) { block(server, it) }
    }
}

private suspend fun withTransport(
    engine: Engine,
    connectTimeout: Duration = 10.seconds,
    maxMessageSize: Int = 1024,
    block: suspend (KtorTransport) -> Unit,
) {
    engine.use { KtorTransport(it, connectTimeout, maxMessageSize).useAndClose(block) }
}

private suspend fun KtorTransport.useAndClose(block: suspend (KtorTransport) -> Unit) {
    try {
        block(this)
    } finally {
        close()
    }
}

private fun TinyServer.request() = ConnectRequest(url, listOf("live.v1.json"), mapOf("Authorization" to "Bearer t"))
