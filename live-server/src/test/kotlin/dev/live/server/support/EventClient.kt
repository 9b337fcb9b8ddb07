package dev.live.server.support

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.future.await
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.withTimeout
import java.io.InputStream
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** One event of a stream with its fields, null where absent. */
internal class ServerEvent(val id: String?, val name: String?, val data: String?, val retry: Long?)

/** A client for server-sent events without code of live. */
internal class EventClient(val status: Int, private val headers: (String) -> String?, private val input: InputStream) {
    private val lines = input.bufferedReader()

    /** The number of comment lines read. */
    var comments = 0
        private set

    fun header(name: String): String? = headers(name)

    /** The next block with data. */
    suspend fun next(): ServerEvent = nextMatching { it.data != null }

    /** The next retry value. */
    suspend fun nextRetry(): Long = checkNotNull(nextMatching { it.retry != null }.retry)

    /** Reads until [count] comments have arrived. */
    suspend fun awaitComments(count: Int) = io { while (comments < count) block() }

    /** Whether the stream ends after the lines read so far. */
    suspend fun isEnded(): Boolean = io { lines.readLine() == null }

    /** The whole body of a response that is not a stream. */
    suspend fun text(): String = io { lines.readText() }

    fun close() = input.close()

    private suspend fun nextMatching(predicate: (ServerEvent) -> Boolean): ServerEvent =
        io { generateSequence { block() }.first(predicate) }

    private fun block(): ServerEvent {
        val fields = HashMap<String, String>()
        while (true) {
            val line = lines.readLine() ?: error("the stream has ended")
            if (line.isEmpty()) break
            if (line.startsWith(':')) comments++ else fields[line.substringBefore(": ")] = line.substringAfter(": ")
        }
        return ServerEvent(fields["id"], fields["event"], fields["data"], fields["retry"]?.toLong())
    }

    private suspend fun <T> io(block: () -> T): T = withTimeout(HANG_TIMEOUT) {
        runInterruptible(Dispatchers.IO, block)
    }

    companion object {
        private val http: HttpClient = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()

        suspend fun open(server: TestServer, path: String, vararg headers: Pair<String, String>): EventClient {
            val request = HttpRequest.newBuilder(URI("http://127.0.0.1:${server.port}$path"))
            for ((name, value) in headers) request.header(name, value)
            val reply = http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofInputStream()).await()
            return EventClient(reply.statusCode(), { reply.headers().firstValue(it).orElse(null) }, reply.body())
        }
    }
}

internal fun encoded(text: String): String = URLEncoder.encode(text, Charsets.UTF_8)
