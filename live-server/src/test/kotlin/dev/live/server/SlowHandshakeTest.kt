package dev.live.server

import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.application.serverConfig
import io.ktor.server.cio.CIO
import io.ktor.server.engine.ApplicationEngine
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.EngineConnectorBuilder
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import io.netty.handler.timeout.ReadTimeoutHandler
import java.io.IOException
import java.net.Socket
import java.net.SocketTimeoutException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Clients that connect and never send an upgrade: the Ktor settings that limit them, and those that do not. */
class SlowHandshakeTest : FunSpec({

    test("on Netty a read timeout in the pipeline closes them, and keeps sessions that reply to pings") {
        withEngine(Netty, { channelPipelineConfig = { addFirst(ReadTimeoutHandler(2)) } }) {
            sendIncompleteRequest(port, HANG_TIMEOUT) shouldBe Outcome.Ended
            idleSession() shouldBe Outcome.Alive
        }
    }

    test("on Netty requestReadTimeoutSeconds closes neither them nor a session") {
        withEngine(Netty, { requestReadTimeoutSeconds = 1 }) {
            sendIncompleteRequest(port, 3.seconds) shouldBe Outcome.Alive
            idleSession() shouldBe Outcome.Alive
        }
    }

    test("on CIO the engine's idle timeout closes its half of the connection, and keeps sessions") {
        withEngine(CIO, { connectionIdleTimeoutSeconds = 1 }) {
            sendIncompleteRequest(port, HANG_TIMEOUT) shouldBe Outcome.HalfClosed
            idleSession() shouldBe Outcome.Alive
        }
    }
})

private enum class Outcome { Ended, HalfClosed, Alive }

/**
 * Sends an incomplete request and returns the state of the connection after [within] at the latest. The state is
 * [Outcome.HalfClosed] if the server has closed its own half and still accepts bytes.
 */
private fun sendIncompleteRequest(port: Int, within: Duration): Outcome =
    Socket("127.0.0.1", port).use { socket ->
        socket.soTimeout = within.inWholeMilliseconds.toInt()
        val output = socket.getOutputStream()
        output.write("GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ".toByteArray())
        try {
            while (socket.getInputStream().read() >= 0) continue
            repeat(40) {
                output.write('a'.code)
                Thread.sleep(50) // the reset in response to a byte on a closed connection takes a moment
            }
            Outcome.HalfClosed
        } catch (_: SocketTimeoutException) {
            Outcome.Alive
        } catch (_: IOException) {
            Outcome.Ended
        }
    }

/** The state of a client that sends only pongs, after 4 seconds at the latest. */
private suspend fun TestServer.idleSession(): Outcome =
    RawSocket.upgrade(port).use { client ->
        val end = System.nanoTime() + 4.seconds.inWholeNanoseconds
        try {
            while (System.nanoTime() < end) {
                val (opcode, payload) = client.readFrame()
                if (opcode == PING) client.frame(PONG, payload)
            }
            Outcome.Alive
        } catch (_: IOException) {
            Outcome.Ended
        }
    }

private suspend fun <C : ApplicationEngine.Configuration> withEngine(
    factory: ApplicationEngineFactory<*, C>,
    configure: C.() -> Unit,
    test: suspend TestServer.() -> Unit,
) {
    val server = embeddedServer(factory, serverConfig { module(Application::pinging) }) {
        connectors += EngineConnectorBuilder().apply {
            host = "127.0.0.1"
            port = 0
        }
        configure()
    }
    server.startSuspend(wait = false)
    val running = TestServer(server, server.engine.resolvedConnectors().single().port)
    running.use { it.test() }
}

private fun Application.pinging() {
    install(Live) { heartbeat { interval = 200.milliseconds } }
    routing { live<Unit>("/live") }
}

private const val PING = 0x9
private const val PONG = 0xA
