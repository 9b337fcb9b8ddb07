package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.peer.NpmPeers

/**
 * A server that can be measured.
 *
 * @property protocol the generator's protocol for this server
 * @property jarArguments arguments after the jar on the command line; null for servers without a JVM
 */
internal class Server(val name: String, val protocol: String, private val jarArguments: List<String>?) {
    val isJvm: Boolean get() = jarArguments != null

    /** The command that starts the server. [jvm] is the java executable and its options. */
    fun command(jvm: List<String>, jar: String, port: Int): List<String> {
        val arguments = jarArguments ?: return NpmPeers.command(name, HOST, port)
        return jvm + listOf("-jar", jar) + arguments + listOf("--host", HOST, "--port", port.toString())
    }

    fun renamed(name: String): Server = Server(name, protocol, jarArguments)

    companion object {
        const val HOST = "127.0.0.1"

        /** Every server, in the order of the tables. */
        val ALL =
            listOf(
                live("live"),
                live("live-io", "--handlers", "io"),
                live("live-history", "--history", "100"),
                live("live-portable", "--transport", "portable"),
                live("live-cio", "--engine", "cio"),
                plain("netty-coalesced"),
                plain("netty-flush"),
                plain("ktor-trysend"),
                plain("ktor-flow"),
                plain("ktor-cio-trysend"),
                plain("vertx"),
                Server("spring-stomp", "stomp", listOf("peer", "spring-stomp")),
                Server("ws", "plain", null),
                Server("socketio", "socketio", null),
                Server("bun", "plain", null),
            )

        fun named(name: String): Server = ALL.first { it.name == name }

        private fun live(name: String, vararg options: String) = Server(name, "live", listOf("server", *options))

        private fun plain(name: String) = Server(name, "plain", listOf("peer", name))
    }
}
