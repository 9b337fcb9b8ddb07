package dev.live.server.support

import io.ktor.server.application.Application
import io.ktor.server.cio.CIO
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty

/** A real server on a port of its own, on the loopback interface. */
internal class TestServer(private val server: EmbeddedServer<*, *>, val port: Int) : AutoCloseable {
    val application: Application get() = server.application

    fun url(path: String = "/live"): String = "ws://127.0.0.1:$port$path"

    fun stop() = server.stop(gracePeriodMillis = 50, timeoutMillis = 2_000)

    override fun close() = stop()
}

/** The engines that every test over a socket runs on. */
internal enum class Engine(val factory: ApplicationEngineFactory<*, *>) { Netty(io.ktor.server.netty.Netty), Cio(CIO) }

internal suspend fun startServer(engine: Engine = Engine.Netty, module: Application.() -> Unit): TestServer {
    val server = embeddedServer(engine.factory, port = 0, host = "127.0.0.1", module = module)
    server.startSuspend(wait = false)
    val port = server.engine.resolvedConnectors().single().port
    return TestServer(server, port)
}

/** Runs [test] against a server with [module], and stops it. */
internal suspend fun withServer(
    engine: Engine = Engine.Netty,
    module: Application.() -> Unit,
    test: suspend TestServer.() -> Unit,
) {
    val server = startServer(engine, module)
    try {
        server.test()
    } finally {
        server.stop()
    }
}
