package dev.live.benchmarks.load.report

import java.io.File
import java.net.BindException
import java.net.InetSocketAddress
import java.net.ServerSocket
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
        val process = ProcessBuilder(onCore(0, command)).redirectErrorStream(true).start()
        try {
            ServerOutput(process, onLine).awaitListening()
            return block(process.pid())
        } finally {
            process.destroy()
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
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
        try {
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
            return log.readText()
        } finally {
            process.destroyForcibly()
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
