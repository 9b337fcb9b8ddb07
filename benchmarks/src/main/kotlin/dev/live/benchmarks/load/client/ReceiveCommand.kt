package dev.live.benchmarks.load.client

import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.choice
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import com.sun.management.ThreadMXBean
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.portOption
import dev.live.client.LiveClient
import dev.live.client.topic.CollectorOverflow
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.okhttp.OkHttp
import io.ktor.client.plugins.websocket.WebSockets
import io.ktor.client.plugins.websocket.webSocket
import io.ktor.http.HttpHeaders
import io.ktor.websocket.Frame
import io.ktor.websocket.readText
import io.ktor.websocket.send
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import java.lang.management.ManagementFactory
import kotlin.system.exitProcess

/** The published payload, about as large as a typical message of an application. */
@Serializable
internal data class Update(val id: Long, val author: String, val text: String, val likes: Int)

/** The message envelope as read by the handwritten client. */
@Serializable
private data class Envelope(val type: String, val topic: String? = null, val data: Update? = null)

/**
 * `receive --port N`: one client that decodes the messages of one topic. Prints the bytes that its process allocated
 * per message. It runs in its own process, because allocations cannot be attributed to single clients.
 */
internal class ReceiveCommand :
    BenchmarkCommand("receive", "One receiving client in its own process, started by 'client'.") {
    private val port by portOption("port of the server")
    private val kind by option(help = "live's client, or one written on Ktor").choice("live", "ktor").default("live")
    private val engine by option(help = "engine of Ktor").choice("cio", "okhttp").default("cio")
    private val codec by option(help = "encoding of live's client").choice("json", "cbor").default("json")
    private val burst by option(help = "messages that are published at once").int().restrictTo(1..MAX_BURST).default(1)

    override fun run() {
        val url = "ws://127.0.0.1:$port/live"
        val isOkHttp = engine == "okhttp"
        val http = if (isOkHttp) HttpClient(OkHttp) { install(WebSockets) } else HttpClient(CIO) { install(WebSockets) }
        val updates = if (kind == "live") live(url, http, isJson = codec == "json") else ktor(url, http)
        val publisher = UpdatePublisher(port, burst)
        runBlocking(Dispatchers.Default) {
            var count = 0
            var before = 0L
            updates.take(WARMUP + MEASURED).collect {
                if (count == WARMUP) before = allocatedExcept(publisher.thread)
                count++
                publisher.received(it)
            }
            println((allocatedExcept(publisher.thread) - before) / MEASURED)
        }
        exitProcess(0) // does not close the client, but writes the recording of a profiler
    }
}

private fun live(url: String, http: HttpClient, isJson: Boolean): Flow<Update> {
    val client =
        LiveClient(url) {
            httpClient = http
            codecs(if (isJson) JsonCodec else CborCodec)
        }
    return client.topic<Update>(TOPIC, CollectorOverflow.DropOldest).messages
}

/** A handwritten client on Ktor, against the same server. */
private fun ktor(url: String, http: HttpClient): Flow<Update> =
    flow {
        val json = Json { ignoreUnknownKeys = true }
        http.webSocket(url, { headers.append(HttpHeaders.SecWebSocketProtocol, "live.v1.json") }) {
            send("""{"type":"subscribe","topic":"$TOPIC","ref":"1"}""")
            for (frame in incoming) {
                if (frame !is Frame.Text) continue
                val envelope = json.decodeFromString<Envelope>(frame.readText())
                if (envelope.type == "message") emit(checkNotNull(envelope.data))
            }
        }
    }

/** Bytes allocated by all live threads of this process but [thread]. Terminated threads are not counted. */
private fun allocatedExcept(thread: Thread): Long {
    val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
    val ids = threads.allThreadIds.filter { it != thread.id }
    return threads.getThreadAllocatedBytes(ids.toLongArray()).sumOf { maxOf(it, 0) }
}

internal const val TOPIC = "news"
internal const val WARMUP = 20_000
internal const val MEASURED = 40_000

/** Half of a collector's buffer, so that no message is dropped. */
private const val MAX_BURST = 32
