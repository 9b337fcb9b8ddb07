package dev.live.benchmarks.peer

import dev.live.benchmarks.Options
import dev.live.benchmarks.UsageException
import io.ktor.server.cio.CIO
import io.ktor.server.netty.Netty

/** `peer NAME --port N`: another server with the features that the comparison needs. */
internal fun runPeer(args: List<String>) {
    val options = Options(args.drop(1), setOf("port", "host"))
    val port = options.required("port")
    val host = options.text("host", "127.0.0.1")
    when (val name = args.firstOrNull().orEmpty()) {
        "netty-coalesced" -> runNettyPeer(host, port, Coalesced())
        "netty-flush" -> runNettyPeer(host, port, FlushEach)
        "ktor-trysend" -> runKtorPeer(host, port, Netty, TrySendRooms())
        "ktor-flow" -> runKtorPeer(host, port, Netty, FlowRooms())
        "ktor-cio-trysend" -> runKtorPeer(host, port, CIO, TrySendRooms())
        "vertx" -> runVertxPeer(host, port)
        "spring-stomp" -> runSpringPeer(host, port)
        in NpmPeers.NAMES -> NpmPeers.run(name, host, port)
        else -> throw UsageException("unknown peer '$name'")
    }
}
