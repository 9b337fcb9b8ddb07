package dev.live.benchmarks.load.report

import java.io.File
import java.net.BindException
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit

/** Starts servers and generators as separate processes, each on its own core if the machine has at least two. */
internal class Processes(isPinned: Boolean = true) {
    /** True if processes are bound to cores. */
    val pinned: Boolean = isPinned && Runtime.getRuntime().availableProcessors() > 1 && hasTaskset()

    /**
     * Starts [command], runs [block] when the process is listening, and stops the process afterwards. [onLine] gets its
     * output.
     */
    fun <T> withServer(command: List<String>, onLine: (String) -> Unit = {}, block: (pid: Long) -> T): T {
        val process = ProcessBuilder(onCore(0, command)).redirectErrorStream(true).start().also(running::add)
        try {
            ServerOutput(process, onLine).awaitListening()
            return block(process.pid())
        } finally {
            process.destroy()
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
            running -= process
        }
    }

    /** Runs [command] for at most [seconds] and returns its output. */
    fun run(command: List<String>, seconds: Long): String {
        val log = File.createTempFile("load", ".log")
        val process =
            ProcessBuilder(onCore(1, command))
                .redirectErrorStream(true)
                .redirectOutput(log)
                .start()
                .also(running::add)
        try {
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
            return log.readText()
        } finally {
            process.destroyForcibly()
            running -= process
            log.delete()
        }
    }

    private fun onCore(core: Int, command: List<String>): List<String> =
        if (pinned) listOf("taskset", "-c", core.toString()) + command else command

    private fun hasTaskset(): Boolean =
        System.getenv("PATH").orEmpty().split(File.pathSeparator).any { File(it, "taskset").canExecute() }

    companion object {
        private const val STOP_SECONDS = 10L
        private var nextPort = 18_000

        /** An interrupted report ends them: a server that stays would keep a core busy in the next measurements. */
        private val running: MutableSet<Process> = ConcurrentHashMap.newKeySet()

        init {
            Runtime.getRuntime().addShutdownHook(Thread { running.forEach { it.destroyForcibly() } })
        }

        /** A free port below the range that the system assigns to clients. */
        fun freePort(): Int {
            while (true) {
                val port = nextPort++
                if (isFree(port)) return port
            }
        }

        private fun isFree(port: Int): Boolean =
            try {
                ServerSocket().use { it.bind(InetSocketAddress(Server.HOST, port)) }
                true
            } catch (_: BindException) {
                false
            }
    }
}
