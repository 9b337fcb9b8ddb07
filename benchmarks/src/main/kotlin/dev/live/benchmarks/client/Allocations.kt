package dev.live.benchmarks.client

import dev.live.client.LiveClient
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds

/** How many bytes a client allocates for each message it receives, decodes and hands over. */
internal class Allocations(private val java: List<String>, private val port: Int) {
    /** A client that receives, in words and as options of `receive`. */
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
            val update = Update(id++, "author $number", "what was written, ".repeat(4), 7)
            client.topic<Update>(TOPIC).publish(update)
            delay(1.milliseconds) // slowly enough for the slowest of them, which are not measured by their speed
        }
    }

    companion object {
        val KINDS =
            listOf(
                Kind("live, CBOR, CIO", listOf("--codec", "cbor")),
                Kind("live, JSON, CIO", listOf("--codec", "json")),
                Kind("Ktor by hand, JSON, CIO", listOf("--kind", "ktor")),
                Kind("live, CBOR, OkHttp", listOf("--codec", "cbor", "--engine", "okhttp")),
                Kind("live, JSON, OkHttp", listOf("--codec", "json", "--engine", "okhttp")),
                Kind("Ktor by hand, JSON, OkHttp", listOf("--kind", "ktor", "--engine", "okhttp")),
            )

        /** The kind to compare each kind with: the same engine and the same payload without live. */
        fun peerOf(kind: Kind): Kind = KINDS.last {
            it.name ==
                "Ktor by hand, JSON, " + kind.name.substringAfterLast(' ')
        }

        private const val PUBLISHERS = 8
    }
}
