package dev.live.benchmarks.server

import dev.live.benchmarks.Options
import dev.live.protocol.Message
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.transport.Transport
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers

/** `server --port N`: live through its public API, without limits that a benchmark could reach. */
internal fun runLiveServer(args: List<String>) {
    val options = Options(args, setOf("port", "host", "engine", "transport", "handlers", "history"))
    val port = options.required("port")
    val host = options.text("host", "127.0.0.1")
    val isPortable = options.choice("transport", "auto", "portable") == "portable"
    val transport = if (isPortable) Transport.Portable else Transport.Auto
    // the default matches the peers: no `onPublish`, and the single handler never blocks
    val handlers = if (options.choice("handlers", "inline", "io") == "io") Dispatchers.IO else Dispatchers.Unconfined
    val history = options.int("history", 0)
    val server =
        when (options.choice("engine", "netty", "cio")) {
            "cio" -> embeddedServer(CIO, port, host) { liveUnderTest(transport, handlers, history) }
            else -> embeddedServer(Netty, port, host) { liveUnderTest(transport, handlers, history) }
        }
    server.start(wait = false)
    announce(host, port)
}

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
 */
internal fun Application.liveUnderTest(transport: Transport, handlers: CoroutineDispatcher, history: Int = 0) {
    install(Live) {
        this.transport = transport
        session {
            maxTopics = Int.MAX_VALUE
            handlerDispatcher = handlers
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
                if (handlers != Dispatchers.Unconfined) onPublish { broadcast(it) } // the common case in applications
            }
            onMessage { message ->
                if (message.type == "echo") session.send(Message("reply", ref = message.ref, body = message.body))
            }
        }
    }
}
