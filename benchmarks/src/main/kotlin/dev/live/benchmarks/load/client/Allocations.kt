package dev.live.benchmarks.load.client

import dev.live.client.LiveClient
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds

/** Measures the bytes that a client allocates for each message that it receives, decodes and delivers. */
internal class Allocations(private val java: List<String>, private val port: Int) {
    /** A receiving client: its name in the report, and its options for `receive`. */
    class Kind(val name: String, val options: List<String>)

    suspend fun of(kind: Kind): Long =
        withContext(Dispatchers.IO) {
            val command = java + listOf("receive", "--port", "$port") + kind.options
            val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            try {
                publishWhile { process.isAlive }
                check(process.waitFor(1, TimeUnit.MINUTES)) { "receive ${kind.options} did not end" }
                process.inputStream.bufferedReader().readText().trim().toLong()
            } finally {
                process.destroyForcibly()
            }
        }

    private suspend fun publishWhile(isOn: () -> Boolean): Unit =
        coroutineScope {
            val client = LiveClient("ws://127.0.0.1:$port/live")
            try {
                coroutineScope { repeat(PUBLISHERS) { number -> launch { publishWhile(client, number, isOn) } } }
            } finally {
                client.close()
            }
        }

    private suspend fun publishWhile(client: LiveClient, number: Int, isOn: () -> Boolean) {
        var id = 0L
        while (isOn()) {
            val update = Update(id++, "author $number", "text of a message ".repeat(4), 7)
            client.topic<Update>(TOPIC).publish(update)
            delay(1.milliseconds) // a rate that the slowest client can receive: the benchmark does not measure speed
        }
    }

    companion object {
        val KINDS =
            listOf(
                Kind("live, CBOR, CIO", listOf("--codec", "cbor")),
                Kind("live, JSON, CIO", listOf("--codec", "json")),
                Kind("handwritten on Ktor, JSON, CIO", listOf("--kind", "ktor")),
                Kind("live, CBOR, OkHttp", listOf("--codec", "cbor", "--engine", "okhttp")),
                Kind("live, JSON, OkHttp", listOf("--codec", "json", "--engine", "okhttp")),
                Kind("handwritten on Ktor, JSON, OkHttp", listOf("--kind", "ktor", "--engine", "okhttp")),
            )

        /** The baseline of [kind]: the same engine and payload without live. */
        fun peerOf(kind: Kind): Kind = KINDS.last {
            it.name ==
                "handwritten on Ktor, JSON, " + kind.name.substringAfterLast(' ')
        }

        private const val PUBLISHERS = 8
    }
}
