package dev.live.benchmarks.load.soak

import com.github.ajalt.clikt.parameters.groups.provideDelegate
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.ListenAddress
import dev.live.benchmarks.load.server.EventLoops
import dev.live.benchmarks.load.server.announce
import dev.live.benchmarks.load.server.nettyServer
import dev.live.protocol.Body
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.transport.Transport
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.routing.routing
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * `soak-server --port N`: one process with one server per transport, on ports N, N + 1 and N + 2. Every `--drain`
 * seconds the next server is drained and restarted.
 */
internal class SoakServerCommand :
    BenchmarkCommand("soak-server", "The server process of 'soak': one server per transport.") {
    private val address by ListenAddress()
    private val drain by option(help = "seconds between two restarts").int().restrictTo(min = 1).default(20)

    override fun run() {
        val servers = SoakTransport.entries.map { RestartedServer(it, address.host, address.port + it.ordinal) }
        servers.forEach { it.start() }
        thread(isDaemon = true, name = "soak-drain") {
            for (round in generateSequence(0) { it + 1 }) {
                Thread.sleep(drain.seconds.inWholeMilliseconds)
                servers[round % servers.size].restart()
                println(DRAINED)
            }
        }
        announce(address.host, address.port)
    }
}

/** The output line after a server was drained and restarted. */
internal const val DRAINED = "drained"

/** The transport of a server. */
internal enum class SoakTransport { Netty, Portable, Cio }

/** The payload of rooms. [at] is the publish time by the clock of the publishing process. */
@Serializable
internal class Tick(val at: Long)

private class RestartedServer(private val transport: SoakTransport, private val host: String, private val port: Int) {
    private lateinit var server: EmbeddedServer<*, *>

    fun start() {
        server =
            when (transport) {
                SoakTransport.Netty -> nettyServer(host, port, EventLoops.Default) { rooms(Transport.Auto) }
                SoakTransport.Portable -> nettyServer(host, port, EventLoops.Default) { rooms(Transport.Portable) }
                SoakTransport.Cio -> embeddedServer(CIO, port, host) { rooms(Transport.Auto) }
            }
        server.start(wait = false)
    }

    /** Simulates a deployment: drains the open sessions and binds the port again. */
    fun restart() {
        server.stop(GRACE_MILLIS, STOP_MILLIS)
        start()
    }

    private companion object {
        // with 0, Netty leaves open the connections that were accepted last:
        // findings/ktor-netty-stop-leaves-connections.sh
        const val GRACE_MILLIS = 100L
        const val STOP_MILLIS = 5_000L
    }
}

/** Queue bounds are the defaults, so that slow readers exceed them. Rate limits are above the rates of the test. */
private fun Application.rooms(transport: Transport) {
    install(Live) {
        this.transport = transport
        drain {
            timeout = 2.seconds
            reconnectWindow = 0.seconds..1.seconds
        }
        limits { subscribesPerSecond = 1_000 }
    }
    routing {
        live<Unit>("/live") {
            topic<Tick>("room/{room}") {
                history(size = 50)
                publishWithoutSubscribing = true
            }
            topic<String>("lobby/{lobby}") { presence { session.id } }
            rawTopic("flood")
            request<String, String>("echo") { it }
            serverSentEvents()
        }
    }
    live.launch {
        val flood = live.topic("flood")
        val body = Body.bytes(ByteArray(FLOOD_BYTES))
        while (true) {
            delay(FLOOD_EVERY)
            flood.publish(body)
        }
    }
}

private const val FLOOD_BYTES = 16 * 1024
private val FLOOD_EVERY = 40.milliseconds
