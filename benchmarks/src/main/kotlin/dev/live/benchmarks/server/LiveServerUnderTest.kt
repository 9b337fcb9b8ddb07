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

/** `server --port N`: live itself, through its public API, with no limit that a benchmark could run into. */
internal fun runLiveServer(args: List<String>) {
    val options = Options(args, setOf("port", "host", "engine", "transport", "handlers", "history"))
    val port = options.required("port")
    val host = options.text("host", "127.0.0.1")
    val isPortable = options.choice("transport", "auto", "portable") == "portable"
    val transport = if (isPortable) Transport.Portable else Transport.Auto
    // as in every peer, by default: nothing looks at what is published, and the one handler there is never blocks
    val handlers = if (options.choice("handlers", "place", "io") == "io") Dispatchers.IO else Dispatchers.Unconfined
    val history = options.int("history", 0)
    val server =
        when (options.choice("engine", "netty", "cio")) {
            "cio" -> embeddedServer(CIO, port, host) { liveUnderTest(transport, handlers, history) }
            else -> embeddedServer(Netty, port, host) { liveUnderTest(transport, handlers, history) }
        }
    server.start(wait = false)
    announce(host, port)
}

/** Tells whoever started this server that it takes connections, and stays. */
internal fun announce(host: String, port: Int) {
    println("listening on $host:$port")
    Thread.currentThread().join()
}

/**
 * Anybody may join and publish to any topic. The queues keep the bounds that they have by default: a server without
 * them would be faster and would not be live.
 *
 * @param history messages that every topic keeps
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
                if (handlers != Dispatchers.Unconfined) onPublish { broadcast(it) } // as in most applications
            }
            onMessage { message ->
                if (message.type == "echo") session.send(Message("reply", ref = message.ref, body = message.body))
            }
        }
    }
}
