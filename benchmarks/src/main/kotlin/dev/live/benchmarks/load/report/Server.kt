package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.peer.NpmPeers
import dev.live.benchmarks.load.server.EventLoops
import dev.live.benchmarks.load.server.NettyLoop

/**
 * A server that can be measured.
 *
 * @property protocol the generator's protocol for this server
 * @property jarArguments arguments after the jar on the command line; null for servers without a JVM
 * @property loop the event loop, which selects the raw Netty that this server is compared with
 */
internal class Server(
    val name: String,
    val protocol: String,
    private val jarArguments: List<String>?,
    val loop: NettyLoop = NettyLoop.NIO,
) {
    val isJvm: Boolean get() = jarArguments != null

    /** The command that starts the server. [jvm] is the java executable and its options. */
    fun command(jvm: List<String>, jar: String, port: Int): List<String> {
        val arguments = jarArguments ?: return NpmPeers.command(name, HOST, port)
        return jvm + listOf("-jar", jar) + arguments + listOf("--host", HOST, "--port", port.toString())
    }

    fun renamed(name: String): Server = Server(name, protocol, jarArguments, loop)

    companion object {
        const val HOST = "127.0.0.1"

        /** The loops that an application on Linux can select instead of live's default. */
        private val OTHER_LOOPS = NettyLoop.entries - EventLoops.Default.loop

        /** live with handlers in place, on its default loop and on the others. */
        val IN_PLACE = listOf("live") + OTHER_LOOPS.map { "live-${it.label}" }

        /** live with handlers where they run by default, on its default loop and on the others. */
        val DEFAULT_HANDLERS = listOf("live-default") + OTHER_LOOPS.map { "live-default-${it.label}" }

        /** The names of the raw Netty [peer] on each loop. */
        fun netty(peer: String): List<String> = NettyLoop.entries.map { nettyOn(peer, it) }

        /** The name of the raw Netty [peer] on [loop]. */
        fun nettyOn(peer: String, loop: NettyLoop): String =
            if (loop == NettyLoop.NIO) peer else "$peer-${loop.label}"

        /** Every server, in the order of the tables. */
        val ALL =
            listOf(live("live")) + OTHER_LOOPS.map { live("live-${it.label}", it) } +
                live("live-default", "--handlers", "default") +
                OTHER_LOOPS.map { live("live-default-${it.label}", it, "--handlers", "default") } +
                live("live-io", "--handlers", "io") +
                live("live-history", "--history", "100") +
                live("live-portable", "--transport", "portable") +
                live("live-cio", "--engine", "cio") +
                listOf("netty-coalesced", "netty-flush", "netty-threads").flatMap { peer ->
                    NettyLoop.entries.map { loop ->
                        val arguments = listOf("peer", peer, "--loop", loop.label)
                        Server(nettyOn(peer, loop), "plain", arguments, loop)
                    }
                } +
                listOf(
                    plain("ktor-trysend"),
                    plain("ktor-flow"),
                    plain("ktor-cio-trysend"),
                    plain("vertx"),
                    Server("spring-stomp", "stomp", listOf("peer", "spring-stomp")),
                    Server("ws", "plain", null),
                    Server("socketio", "socketio", null),
                    Server("bun", "plain", null),
                )

        private val BY_NAME = ALL.associateBy { it.name }

        fun named(name: String): Server = BY_NAME.getValue(name)

        /** The event loop of the server [name], with or without a JVM variant. Java NIO for unknown servers. */
        fun loopOf(name: String): NettyLoop = BY_NAME[name.substringBefore('@')]?.loop ?: NettyLoop.NIO

        private fun live(name: String, vararg options: String) =
            Server(name, "live", listOf("server", *options), EventLoops.Default.loop)

        private fun live(name: String, loop: NettyLoop, vararg options: String) =
            Server(name, "live", listOf("server", "--loop", loop.label, *options), loop)

        private fun plain(name: String) = Server(name, "plain", listOf("peer", name))
    }
}
