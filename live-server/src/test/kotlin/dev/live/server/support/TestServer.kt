package dev.live.server.support

import dev.live.netty.EventLoops
import dev.live.netty.liveEventLoops
import io.ktor.server.application.Application
import io.ktor.server.application.serverConfig
import io.ktor.server.cio.CIO
import io.ktor.server.config.MapApplicationConfig
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.EngineConnectorBuilder
import io.ktor.server.engine.applicationEnvironment
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.NettyApplicationEngine
import io.netty.channel.epoll.Epoll
import io.netty.channel.uring.IoUring

/** A real server on its own port of the loopback interface. */
internal class TestServer(private val server: EmbeddedServer<*, *>, val port: Int) : AutoCloseable {
    val application: Application get() = server.application

    fun url(path: String = "/live"): String = "ws://127.0.0.1:$port$path"

    fun reload() = server.reload()

    fun stop(gracePeriodMillis: Long = 50, timeoutMillis: Long = 2_000) = server.stop(gracePeriodMillis, timeoutMillis)

    override fun close() = stop()
}

/** The engines and transports of tests over a socket. */
internal enum class Engine(
    val factory: ApplicationEngineFactory<*, *>,
    val transport: String,
    val loops: EventLoops = EventLoops.Nio,
) {
    Netty(io.ktor.server.netty.Netty, "auto"),
    PortableNetty(io.ktor.server.netty.Netty, "portable"),
    Cio(CIO, "auto"),
    NettyOnEpoll(io.ktor.server.netty.Netty, "auto", EventLoops.Epoll),
    NettyOnIoUring(io.ktor.server.netty.Netty, "auto", EventLoops.IoUring),
    ;

    /** Whether live takes over the channels of the engine. */
    val isFast: Boolean get() = this != PortableNetty && this != Cio

    companion object {
        val usual: List<Engine> = listOf(Netty, PortableNetty, Cio)

        /** With each event loop of Netty that this machine has, for tests of what a socket does. */
        val onAllLoops: List<Engine> =
            usual + listOfNotNull(
                NettyOnEpoll.takeIf { Epoll.isAvailable() },
                NettyOnIoUring.takeIf { IoUring.isAvailable() },
            )
    }
}

internal suspend fun startServer(
    engine: Engine = Engine.Netty,
    settings: Map<String, String> = emptyMap(),
    netty: NettyApplicationEngine.Configuration.() -> Unit = {},
    module: Application.() -> Unit,
): TestServer {
    val file = settings + ("live.transport" to engine.transport)
    val environment = applicationEnvironment { config = MapApplicationConfig(file.toList()) }
    val server =
        embeddedServer(
            engine.factory,
            serverConfig(environment) { module(module) },
        ) {
            (this as? NettyApplicationEngine.Configuration)?.run {
                netty()
                liveEventLoops(engine.loops)
            }
            connectors += EngineConnectorBuilder().apply {
                host = "127.0.0.1"
                port = 0
            }
        }
    server.startSuspend(wait = false)
    val port = server.engine.resolvedConnectors().single().port
    return TestServer(server, port)
}

/** Runs [test] against a server with [module] and [settings] in its configuration, then stops the server. */
internal suspend fun withServer(
    engine: Engine = Engine.Netty,
    module: Application.() -> Unit,
    settings: Map<String, String> = emptyMap(),
    netty: NettyApplicationEngine.Configuration.() -> Unit = {},
    test: suspend TestServer.() -> Unit,
) {
    val server = startServer(engine, settings, netty, module)
    try {
        server.test()
    } finally {
        server.stop()
    }
}
