package dev.live.server

import dev.live.server.support.CapturedLogs
import dev.live.server.support.Engine
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.plugins.statuspages.StatusPages
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.net.Socket
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** A client that disconnects before its response is sent is ordinary and must not be logged as an error. */
class ClientDisconnectTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        for (isReset in listOf(false, true)) {
            val how = if (isReset) "a reset" else "an end of stream"

            test("backends that disconnect with $how inside a publish body log nothing, on $engine") {
                withServer(engine, { slow(Gate()) }) {
                    CapturedLogs().use { logs ->
                        repeat(20) {
                            withContext(Dispatchers.IO) {
                                Socket("127.0.0.1", port).also { socket ->
                                    val head =
                                        "POST /publish HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $KEY\r\n" +
                                            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"topic\":"
                                    socket.getOutputStream().write(head.toByteArray())
                                }
                            }.disconnect(isReset)
                        }

                        thenRequest {}
                        awaitNoConnections()
                        logs.lines.filterNot { it.startsWith("INFO") }.shouldBeEmpty()
                    }
                }
            }
        }

        for (path in listOf("/live", "/live/sse?topic=t")) {
            for (isReset in listOf(false, true)) {
                val how = if (isReset) "a reset" else "an end of stream"

                test("clients of $path that disconnect with $how during a slow authenticate log nothing, on $engine") {
                    val gate = Gate()
                    withServer(engine, { slow(gate) }) {
                        CapturedLogs().use { logs ->
                            val clients = List(20) { request(path) }
                            eventually(1.minutes) { gate.waiting.get() shouldBe 20 }

                            for (client in clients) client.disconnect(isReset)
                            thenRequest { gate.open() }

                            eventually(1.minutes) { gate.waiting.get() shouldBe 0 }
                            awaitNoConnections()
                            logs.lines.filterNot { it.startsWith("INFO") }.shouldBeEmpty()
                            gate.exceptions.shouldBeEmpty()
                        }
                    }
                }

                test("clients of $path that disconnect with $how before the response log nothing, on $engine") {
                    val gate = Gate().apply { open() }
                    withServer(engine, { slow(gate) }) {
                        CapturedLogs().use { logs ->
                            repeat(200) { request(path).disconnect(isReset) }

                            thenRequest {}
                            awaitNoConnections()
                            logs.lines.filterNot { it.startsWith("INFO") }.shouldBeEmpty()
                            gate.exceptions.shouldBeEmpty()
                        }
                    }
                }
            }
        }
    }
})

/** Blocks `authenticate` until opened, counts the waiting calls and records the exceptions seen by StatusPages. */
private class Gate {
    private val isOpen = CompletableDeferred<Unit>()
    val waiting = AtomicInteger()
    val exceptions = ConcurrentLinkedQueue<Throwable>()

    fun open() = isOpen.complete(Unit)

    suspend fun pass() {
        waiting.incrementAndGet()
        isOpen.await()
        waiting.decrementAndGet()
    }
}

/** Runs [block], then waits for the response to a later request. */
private suspend fun TestServer.thenRequest(block: () -> Unit) {
    block()
    withContext(Dispatchers.IO) {
        request("/elsewhere").use { it.getInputStream().read() }
    }
}

private suspend fun TestServer.awaitNoConnections() =
    eventually(1.minutes) { application.live.stats.run { connections + sessions } shouldBe 0 }

private suspend fun TestServer.request(path: String): Socket =
    withContext(Dispatchers.IO) {
        Socket("127.0.0.1", port).also { socket ->
            val upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            val lines = if ("sse" in path || "elsewhere" in path) "" else upgrade
            socket.getOutputStream().write("GET $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n$lines\r\n".toByteArray())
        }
    }

private fun Socket.disconnect(isReset: Boolean) {
    if (isReset) setSoLinger(true, 0)
    close()
}

private fun Application.slow(gate: Gate) {
    install(StatusPages) { exception<Throwable> { _, cause -> gate.exceptions += cause } }
    // CIO can miss a client that disconnects at the moment of its request: the second SSE comment detects it
    install(Live) {
        heartbeat {
            interval = 200.milliseconds
            timeout = 1.minutes
        }
    }
    routing {
        live<String>("/live") {
            serverSentEvents()
            authenticate {
                gate.pass()
                "anonymous"
            }
            topic<Int>("t")
        }
        livePublish("/publish") { key(KEY) }
    }
}

private val KEY = "k".repeat(32)
