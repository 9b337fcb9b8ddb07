package dev.live.benchmarks.load.client

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit

/** Measures the bytes that a client allocates for each message that it receives, decodes and delivers. */
internal class Allocations(private val port: Int) {
    /**
     * A receiving client.
     *
     * @property name its name in the report
     * @property java the command that starts the benchmarks with this client
     * @property options options of `receive`
     * @property baseline the handwritten client on the same engine; null for a handwritten client
     */
    class Kind(val name: String, val java: List<String>, val options: List<String>, val baseline: Kind?)

    /** Bytes per message of [kind], published in bursts of [burst] messages. */
    suspend fun of(kind: Kind, burst: Int): Long =
        withContext(Dispatchers.IO) {
            val command = kind.java + listOf("receive", "--port", "$port", "--burst", "$burst") + kind.options
            val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            try {
                check(process.waitFor(10, TimeUnit.MINUTES)) { "receive ${kind.options} did not end" }
                process.inputStream.bufferedReader().readText().trim().toLong()
            } finally {
                process.destroyForcibly()
            }
        }

    companion object {
        /**
         * All clients of the report.
         *
         * @param java starts the benchmarks
         * @param before starts the benchmarks with the client of an earlier build, which is measured too; null for none
         */
        fun kinds(java: List<String>, before: List<String>?): List<Kind> =
            listOf("CIO", "OkHttp").flatMap { engine ->
                val options = listOf("--engine", engine.lowercase())
                val handwritten = Kind("handwritten on Ktor, JSON, $engine", java, options + KTOR, null)
                listOf("CBOR", "JSON").flatMap { codec ->
                    listOfNotNull(before?.let { "live before" to it }, "live" to java).map { (name, command) ->
                        Kind("$name, $codec, $engine", command, options + codecOption(codec), handwritten)
                    }
                } + handwritten
            }

        /** Messages that are published at once. */
        val BURSTS = listOf(1, 8)

        private fun codecOption(codec: String) = listOf("--codec", codec.lowercase())

        private val KTOR = listOf("--kind", "ktor")
    }
}
