package dev.live.benchmarks.load.server

import com.github.ajalt.clikt.parameters.groups.provideDelegate
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.choice
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.ListenAddress
import dev.live.protocol.Message
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.transport.Transport
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.netty.NettyApplicationEngine
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers

/** `server --port N`: live through its public API, without limits that a benchmark could reach. */
internal class ServerCommand :
    BenchmarkCommand("server", "Starts live through its public API, without limits that a benchmark could reach.") {
    private val address by ListenAddress()
    private val engine by option(help = "engine of Ktor").choice("netty", "cio").default("netty")
    private val transport by option(help = "transport of live")
        .choice("auto" to Transport.Auto, "portable" to Transport.Portable)
        .default(Transport.Auto, defaultForHelp = "auto")

    // the default matches the peers: no `onPublish`, and the single handler never blocks
    private val handlers by option(help = "where handlers run: on the thread that reads, by default, on Dispatchers.IO")
        .choice(HandlersUnderTest.entries.associateBy { it.name.lowercase() })
        .default(HandlersUnderTest.INLINE, defaultForHelp = "inline")
    private val loop by option(help = "event loop of Netty").choice(EventLoops.ALL)
        .default(EventLoops.Default, defaultForHelp = "default")
    private val history by option(help = "messages in the history of every topic")
        .int().restrictTo(min = 0).default(0)

    private val compression by option(help = "level of compression; 0: none").int().restrictTo(0..9).default(0)

    override fun run() {
        val module: Application.() -> Unit = { liveUnderTest(transport, handlers, history, compression) }
        val server =
            when (engine) {
                "cio" -> embeddedServer(CIO, address.port, address.host, module = module)
                else -> nettyServer(address.host, address.port, loop, module)
            }
        server.start(wait = false)
        announce(address.host, address.port)
    }
}

/** Where the handlers of the server under test run. */
internal enum class HandlersUnderTest(val dispatcher: CoroutineDispatcher?) {
    INLINE(Dispatchers.Unconfined),
    DEFAULT(null),
    IO(Dispatchers.IO),
}

/** A server on Netty. All servers of the benchmarks use this function, because Ktor alone would select epoll. */
internal fun nettyServer(
    host: String,
    port: Int,
    loops: EventLoops,
    module: Application.() -> Unit,
): EmbeddedServer<NettyApplicationEngine, NettyApplicationEngine.Configuration> =
    embeddedServer(
        Netty,
        configure = {
            connector {
                this.host = host
                this.port = port
            }
            loops.configure(this)
        },
        module = module,
    )

/** Prints that this server is listening, and blocks forever. */
internal fun announce(host: String, port: Int) {
    println("listening on $host:$port")
    Thread.currentThread().join()
}

/**
 * All clients may subscribe and publish to any topic. The queues keep their default bounds: a server without them would
 * be faster but would not represent live.
 *
 * @param history number of messages in the history of every topic
 * @param compressionLevel level of the compression of all messages; 0: none
 */
internal fun Application.liveUnderTest(
    transport: Transport,
    handlers: HandlersUnderTest,
    history: Int = 0,
    compressionLevel: Int = 0,
) {
    install(Live) {
        this.transport = transport
        if (compressionLevel > 0) {
            compression {
                enabled = true
                minBytes = 1
                level = compressionLevel
            }
        }
        session {
            maxTopics = Int.MAX_VALUE
            handlers.dispatcher?.let { handlerDispatcher = it }
        }
        limits {
            messagesPerSecond = Int.MAX_VALUE
            burst = Int.MAX_VALUE
            bytesPerSecond = Int.MAX_VALUE
            subscribesPerSecond = Int.MAX_VALUE
        }
    }
    routing {
        live<Unit>("/live") {
            rawTopic("{topic...}") {
                publishWithoutSubscribing = true
                if (history > 0) history(size = history)
                if (handlers != HandlersUnderTest.INLINE) onPublish { broadcast(it) } // the common case in applications
            }
            request<String, String>("ask") { it }
            onMessage { message ->
                if (message.type == "block") Thread.sleep(BLOCK_MILLIS)
                session.send(Message("reply", ref = message.ref, body = message.body))
            }
        }
    }
}

/** How long a handler of the scenario `blocking` blocks its thread, in every server. */
internal const val BLOCK_MILLIS = 50L
