package dev.live.benchmarks.load.peer

import com.github.ajalt.clikt.parameters.arguments.argument
import com.github.ajalt.clikt.parameters.groups.provideDelegate
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.choice
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.ListenAddress
import dev.live.benchmarks.load.server.EventLoops
import dev.live.benchmarks.load.server.NettyLoop
import dev.live.benchmarks.load.server.nettyServer
import io.ktor.server.cio.CIO
import io.ktor.server.engine.embeddedServer
import java.util.concurrent.Executor
import java.util.concurrent.Executors

/** `peer NAME --port N`: another server with the features that the comparison needs. */
internal class PeerCommand : BenchmarkCommand("peer", "Starts another server, for comparison.") {
    private val address by ListenAddress()
    private val loop by option(help = "event loop of the peers netty-*; the others use Java NIO, or none of Netty's")
        .choice(NettyLoop.entries.associateBy { it.label }).default(NettyLoop.NIO, defaultForHelp = "nio")
    private val start by argument("name", help = PEERS.keys.joinToString()).choice(PEERS)

    override fun run(): Unit = start(PeerAddress(address.host, address.port, loop))
}

/** Where a peer listens. [loop] is ignored by peers without a choice of event loops. */
private class PeerAddress(val host: String, val port: Int, val loop: NettyLoop)

/** The function that starts each peer. It blocks until the process ends. */
private val PEERS: Map<String, (PeerAddress) -> Unit> =
    mapOf<String, (PeerAddress) -> Unit>(
        "netty-coalesced" to { netty(it, Coalesced()) },
        "netty-flush" to { netty(it, FlushEach) },
        "netty-threads" to { netty(it, FlushEach, Executors.newFixedThreadPool(HANDLER_THREADS)) },
        "ktor-trysend" to { ktorOnNetty(it, TrySendRooms()) },
        "ktor-flow" to { ktorOnNetty(it, FlowRooms()) },
        "ktor-cio-trysend" to { a ->
            val rooms = TrySendRooms()
            runKtorPeer(a.host, a.port, embeddedServer(CIO, a.port, a.host) { plainProtocol(rooms) })
        },
        "vertx" to { runVertxPeer(it.host, it.port) },
        "spring-stomp" to { runSpringPeer(it.host, it.port) },
    ) + NpmPeers.NAMES.associateWith { name -> { a: PeerAddress -> NpmPeers.run(name, a.host, a.port) } }

private fun netty(a: PeerAddress, delivery: Delivery, handlers: Executor = Executor { it.run() }) =
    runNettyPeer(a.host, a.port, a.loop, delivery, handlers)

private fun ktorOnNetty(a: PeerAddress, rooms: Rooms) =
    runKtorPeer(a.host, a.port, nettyServer(a.host, a.port, EventLoops.Default) { plainProtocol(rooms) })

/** As many as `Dispatchers.IO` has on a machine with up to 64 cores. */
private const val HANDLER_THREADS = 64
