package dev.live.benchmarks.load.peer

import com.github.ajalt.clikt.parameters.arguments.argument
import com.github.ajalt.clikt.parameters.groups.provideDelegate
import com.github.ajalt.clikt.parameters.types.choice
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.ListenAddress
import io.ktor.server.cio.CIO
import io.ktor.server.netty.Netty

/** `peer NAME --port N`: another server with the features that the comparison needs. */
internal class PeerCommand : BenchmarkCommand("peer", "Starts another server, for comparison.") {
    private val address by ListenAddress()
    private val start by argument("name", help = PEERS.keys.joinToString()).choice(PEERS)

    override fun run(): Unit = start(address.host, address.port)
}

/** The function that starts each peer. It blocks until the process ends. */
private val PEERS: Map<String, (host: String, port: Int) -> Unit> =
    mapOf<String, (String, Int) -> Unit>(
        "netty-coalesced" to { host, port -> runNettyPeer(host, port, Coalesced()) },
        "netty-flush" to { host, port -> runNettyPeer(host, port, FlushEach) },
        "ktor-trysend" to { host, port -> runKtorPeer(host, port, Netty, TrySendRooms()) },
        "ktor-flow" to { host, port -> runKtorPeer(host, port, Netty, FlowRooms()) },
        "ktor-cio-trysend" to { host, port -> runKtorPeer(host, port, CIO, TrySendRooms()) },
        "vertx" to ::runVertxPeer,
        "spring-stomp" to ::runSpringPeer,
    ) + NpmPeers.NAMES.associateWith { name -> { host: String, port: Int -> NpmPeers.run(name, host, port) } }
