package dev.live.test

import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.server.application.Application
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import kotlin.time.Duration.Companion.minutes

/** The kind of server for a test. */
internal enum class ServerKind { TestHost, Netty, Cio }

/** Runs [test] like `testLive`, with a server of this [kind]. */
internal suspend fun testLiveOn(
    kind: ServerKind,
    module: Application.() -> Unit = Application::rooms,
    test: suspend LiveTest.() -> Unit,
): Unit =
    when (kind) {
        ServerKind.TestHost -> testLive(module, test = test)
        ServerKind.Netty -> withRealServer(Netty, module) { test() }
        ServerKind.Cio -> withRealServer(io.ktor.server.cio.CIO, module) { test() }
    }

/** Runs [test] against a server on a real socket. The test may stop and start it. */
internal suspend fun withRealServer(
    engine: ApplicationEngineFactory<*, *>,
    module: Application.() -> Unit = Application::rooms,
    test: suspend LiveTest.(RealServer) -> Unit,
) {
    val server = RealServer(engine, module)
    server.start()
    try {
        HttpClient(CIO).use { http ->
            val host =
                object : LiveTestHost {
                    override val application get() = server.application
                    override val httpClient = http
                    override val webSocketClient = http
                    override val url = "ws://127.0.0.1:${server.port}"
                }
            runLiveTest(host, path = "/live", timeout = 1.minutes) { test(server) }
        }
    } finally {
        server.stop()
    }
}

/** A server that keeps its port after a restart. */
internal class RealServer(
    private val engine: ApplicationEngineFactory<*, *>,
    private val module: Application.() -> Unit,
) {
    private lateinit var running: EmbeddedServer<*, *>
    var port = 0
        private set

    val application: Application get() = running.application

    suspend fun start() {
        running = embeddedServer(engine, port = port, host = "127.0.0.1", module = module).start(wait = false)
        port = running.engine.resolvedConnectors().single().port
    }

    fun stop() {
        running.stop(gracePeriodMillis = 50, timeoutMillis = 2_000)
    }
}
